import { adapterContract } from './adapter.contract.ts'
import type { Settings } from './adapter.fixture.ts'
import { engines } from './index.ts'

/** Without these there is nothing to launch. */
const needed: Readonly<Record<string, Settings>> = { generic: { image: 'org/reranker:1' } }

for (const engine of engines) adapterContract(engine, needed[engine.name])
