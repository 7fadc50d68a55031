import type { EngineModel } from '../core/engine-model.ts'
import { embeddedModel } from './embedded/model.ts'
import { llamaModel } from './llama/model.ts'
import { sglangModel } from './sglang/model.ts'
import { trtllmModel } from './trtllm/model.ts'
import { vllmModel } from './vllm/model.ts'

/** What planner and simulator know of engines: one line an engine. */
export const engineModels: readonly EngineModel[] = [
  vllmModel,
  sglangModel,
  trtllmModel,
  llamaModel,
  embeddedModel,
]
