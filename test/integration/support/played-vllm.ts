import { deploymentSpec } from '../../../src/contract/deployment.ts'
import { simulatedFlags } from '../../../src/engines/simulated/flags.ts'
import { simulationOf } from '../../../src/engines/simulated/simulated.ts'

/** For an image, in place of vLLM: what leads answers as the simulation does, workers are there. */
export function playedVllm(name: string): string {
  const deployment = deploymentSpec.parse({
    name,
    model: 'llama-3.1-8b',
    engine: 'simulated',
    hardware: 'h100:2',
    settings: { drainTimeoutS: 2 },
  })
  const flags = simulatedFlags.write(simulationOf({ deployment, host: '0.0.0.0', port: 8000 }))
  return `#!/bin/sh
case "$*" in *--headless*) trap "exit 0" TERM; sleep 1000000 & wait $!; exit $? ;; esac
exec node /app/src/server/simulated/process.ts ${flags.join(' ')}
`
}
