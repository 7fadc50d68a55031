/**
 * The reconcile loop in simulated worlds that do their worst: `node bench/deployer/world.ts [STEPS] [SEED]`. Every
 * 2,000 steps a world settles, is looked through, and the next begins. Ends with 1 where a promise was broken.
 */
import { createWorld } from '../../test/deployer/world.ts'

const steps = Number(process.argv[2] ?? 100_000)
const firstSeed = Number(process.argv[3] ?? 1)
const stepsEach = 2000

const totals = new Map<string, number>()
const startedMs = performance.now()
let done = 0
let broken = 0
for (let seed = firstSeed; done < steps; seed++) {
  const world = await createWorld(seed)
  let step = 0
  for (; step < stepsEach && world.violations.length === 0; step++) await world.step()
  if (world.violations.length === 0) await world.settle()
  world.end()
  done += step
  for (const [event, count] of world.events) totals.set(event, (totals.get(event) ?? 0) + count)
  for (const violation of world.violations) console.log(`seed ${seed}, step ${step}: ${violation}`)
  if (world.violations.length > 0) broken++
}
const tookS = (performance.now() - startedMs) / 1000
console.log(`${done.toLocaleString('en')} steps in ${tookS.toFixed(0)} s, ${broken} worlds broken`)
console.log(
  [...totals].map(([event, count]) => `${event} ${count.toLocaleString('en')}`).join(' · '),
)
if (broken > 0) process.exitCode = 1
