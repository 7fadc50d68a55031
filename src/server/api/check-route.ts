import type { DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import { adapterNamesOf } from '../../deployer/policy/adapters.ts'
import { routeOf } from '../../deployer/policy/snapshot.ts'

/**
 * What clients name as the model stands for one thing: a route offers one task, whichever of its deployments answers,
 * and an adapter has a name that no other model has. Error: request/invalid.
 */
export function checkRoute(spec: DeploymentSpec, known: readonly DeploymentSpec[]): void {
  const route = routeOf(spec)
  const adapters = adapterNamesOf(spec)
  const param = 'settings.lora.adapters'
  if (adapters.includes(route))
    throw new AppError('request/invalid', {
      message: `the adapter "${route}" has the name of the route itself`,
      param,
      hint: 'Clients name an adapter as the model: give it another name.',
    })
  for (const other of known) {
    if (other.name === spec.name) continue
    const otherRoute = routeOf(other)
    if (otherRoute === route) {
      if (other.task !== spec.task)
        throw new AppError('request/invalid', {
          message: `the route "${route}" is for the task "${other.task}" of "${other.name}"`,
          param: 'route',
          hint: 'Choose another route, or the same task.',
        })
      continue
    }
    const others = adapterNamesOf(other)
    const taken = adapters.find((name) => name === otherRoute || others.includes(name))
    if (taken !== undefined)
      throw new AppError('request/invalid', {
        message: `"${taken}" is ${taken === otherRoute ? 'the route' : 'an adapter'} of "${other.name}" already`,
        param,
        hint: 'Clients name an adapter as the model: give it another name.',
      })
    if (others.includes(route))
      throw new AppError('request/invalid', {
        message: `"${route}" is an adapter of "${other.name}" already`,
        param: 'route',
        hint: 'Choose another route.',
      })
  }
}
