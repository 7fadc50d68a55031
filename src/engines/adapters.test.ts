import { adapterContract } from './adapter.contract.ts'
import { engines } from './index.ts'

for (const engine of engines)
  adapterContract(engine, engine.name === 'generic' ? { image: 'org/reranker:1' } : {})
