import { AppError } from '../core/errors.ts'
import { dynamoEngine } from './dynamo/dynamo.ts'
import { embeddedEngine } from './embedded/embedded.ts'
import { externalEngine } from './external/external.ts'
import { genericEngine } from './generic/generic.ts'
import { llamaServerEngine } from './llama/llama-server.ts'
import { lmdeployEngine } from './lmdeploy/lmdeploy.ts'
import { miiEngine } from './mii/mii.ts'
import { mlcEngine } from './mlc/mlc.ts'
import { ollamaEngine } from './ollama/ollama.ts'
import { rayEngine } from './ray/ray.ts'
import { simulatedEngine } from './simulated/simulated.ts'
import { sglangEngine } from './sglang/sglang.ts'
import { tgiEngine } from './tgi/tgi.ts'
import { trtllmEngine } from './trtllm/trtllm.ts'
import { vllmEngine } from './vllm/vllm.ts'
import type { Engine } from './engine.ts'

/** One line an engine. */
export const engines: readonly Engine[] = [
  embeddedEngine,
  simulatedEngine,
  llamaServerEngine,
  vllmEngine,
  sglangEngine,
  trtllmEngine,
  rayEngine,
  dynamoEngine,
  lmdeployEngine,
  tgiEngine,
  mlcEngine,
  ollamaEngine,
  miiEngine,
  genericEngine,
  externalEngine,
]

/** Throws `engine/unknown`. */
export function findEngine(name: string): Engine {
  const found = engines.find((engine) => engine.name === name)
  if (found) return found
  const known = engines.map((engine) => engine.name).join(', ')
  throw new AppError('engine/unknown', { message: `no engine "${name}"; there is: ${known}` })
}
