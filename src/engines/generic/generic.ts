import { AppError } from '../../core/errors.ts'
import { oneCopy } from '../launch-plan.ts'
import { orElse } from '../settings-said.ts'
import { createEngine } from '../table/create-engine.ts'
import { custom } from '../table/rule.ts'
import { vllmSignals } from '../vllm/signals.ts'

/**
 * Any server of HTTP that has a path that says 200 when it is well: rerankers, classifiers, speech, vision.
 * `settings.image` names its container, or the config its program; `environment` configures it; it listens on `HOST` and
 * `PORT` and may load `MODEL`.
 */
export const genericEngine = createEngine({
  name: 'generic',
  about: 'any container with a health path',
  tasks: ['generate', 'embed'],
  newestVersion: '1',
  images: null,
  command: ({ spec, settings, servedName }) => {
    if (settings.image === 'auto' && !spec.installed)
      throw new AppError('engine/bad-argument', {
        message: 'the engine "generic" does not know what to run',
        param: 'settings.image',
        hint: 'Name the container in settings.image; for a process of this machine the config names engines.generic.program.',
      })
    // Whatever the image or the program starts by itself.
    return {
      argv: [],
      env: {
        HOST: spec.host,
        PORT: String(spec.port),
        MODEL: spec.modelPath,
        MODEL_NAME: servedName,
      },
    }
  },
  rules: [custom('gpu', [], () => ({})), custom('tensorParallel', [], () => ({}))],
  dividesItself: true,
  // How many devices it gets is all that can be said.
  devices: ({ settings }) =>
    oneCopy(settings.gpu === 'off' ? 0 : orElse(settings.tensorParallel, 'any' as const)),
  health: { path: '/health', loading: [404, 425, 503] },
  metricsPath: '/metrics',
  signals: vllmSignals(),
  drain: { timeoutS: 30, extraS: 5, how: () => 'signal' },
})
