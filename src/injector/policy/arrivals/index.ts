import type { ArrivalProcess } from './arrival-process.ts'
import { clients } from './clients.ts'
import { constant } from './constant.ts'
import { gamma } from './gamma.ts'
import { onOff } from './on-off.ts'
import { poisson } from './poisson.ts'
import { ramp } from './ramp.ts'
import { sine } from './sine.ts'
import { spike } from './spike.ts'
import { step } from './step.ts'
import { trace } from './trace.ts'
import { weibull } from './weibull.ts'

/** Every arrival process, by the name that `--arrivals` takes. */
export const arrivalProcesses: readonly ArrivalProcess[] = [
  constant,
  poisson,
  gamma,
  weibull,
  onOff,
  ramp,
  step,
  sine,
  spike,
  clients,
  trace,
]
