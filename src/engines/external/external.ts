import { AppError } from '../../core/errors.ts'
import { createEngine } from '../table/create-engine.ts'
import { vllmSignals } from '../vllm/signals.ts'
import { oneCopy } from '../launch-plan.ts'

/** Any OpenAI-compatible server that somebody else runs: `model` is its URL. Nothing is started or stopped. */
export const externalEngine = createEngine({
  name: 'external',
  about: 'an OpenAI-compatible URL that runs elsewhere',
  tasks: ['generate', 'embed'],
  newestVersion: '1',
  images: null,
  command: ({ spec }) => ({
    argv: [],
    isWhole: true,
    url: urlOf(spec.deployment.model),
    ports: [],
    warnings: [
      'model: clients have to name the model as the server behind the URL calls it (set route)',
    ],
  }),
  rules: [],
  dividesItself: true,
  takesArguments: false,
  health: { path: '/v1/models', loading: [503] },
  // Whoever serves vLLM's names is understood; others tell nothing.
  metricsPath: '/metrics',
  signals: vllmSignals(),
  drain: { timeoutS: 30, extraS: 0, how: () => 'before' },
  devices: () => oneCopy(0),
})

function urlOf(model: string): string {
  const url = URL.canParse(model) ? new URL(model) : null
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search)
    // Requests name the whole path.
    return url.href.replace(/\/(v1\/?)?$/, '')
  throw new AppError('model/bad-reference', {
    message: `${model} is no URL of a server`,
    param: 'model',
    hint: 'Write it like http://host:8000, without credentials and query.',
  })
}
