import { defineCommand, usageError } from '../command.ts'
import { injectFlags } from '../inject/inject-context.ts'

export const inject = defineCommand({
  name: 'inject',
  summary: 'Put load on an endpoint and measure what its users would see',
  details:
    'Works against any OpenAI-compatible endpoint. Requests are sent when the schedule says, whatever the server does; latency counts from that moment. A deployment of this Baleen needs no key: one is made for as long as the run takes. Every run is kept with its spec in runs/ of the data directory and can be made again with --again.',
  examples: [
    'inject http://127.0.0.1:8080 --rate 5 --duration 30s',
    'inject my-model --rate 20 --arrivals gamma:cv=3 --workload chat --slo ttft=500ms,tpot=50ms',
    'inject URL --users 16 --duration 1m --ignore-eos --output-tokens 128',
    'inject URL --trace azure.csv --arrivals trace:scale=time --rate 2 --duration 5m',
    'inject URL --sweep --slo ttft=1s --target 99%',
    'inject --compare URL-A URL-B --rate 5 --ignore-eos --pairs 8',
    'inject --again last',
  ],
  positionals: [
    {
      name: 'targets',
      summary: 'URL of the endpoint, or a deployment; two for --compare',
      isOptional: true,
      repeats: true,
      completes: 'deployment',
    },
  ],
  flags: injectFlags,
  async run({ flags, positionals, io, output }) {
    const { targets } = positionals
    const wanted = flags.compare ? 2 : 1
    if (targets.length > wanted)
      throw usageError(`"${targets[wanted]}" is one target too many`, 'Two targets need --compare.')
    const { withInjectContext } = await import('../inject/inject-context.ts')
    const { chooseSpec } = await import('../inject/choose-spec.ts')
    return withInjectContext(flags, { io, output }, targets, async (context) => {
      if (flags.compare) {
        if (targets.length < 2) throw usageError('--compare needs two targets')
        const { injectCompare } = await import('../inject/inject-compare.ts')
        const a = await chooseSpec(context, targets[0])
        return injectCompare(context, a, await chooseSpec(context, targets[1]))
      }
      const spec = await chooseSpec(context, targets[0])
      if (flags.sweep) {
        const { injectSweep } = await import('../inject/inject-sweep.ts')
        return injectSweep(context, spec)
      }
      const { injectOnce } = await import('../inject/inject-once.ts')
      return injectOnce(context, spec)
    })
  },
})
