/**
 * The direction of imports (docs/architecture.md, "Direction") as a lint rule. `test/lint/layers.test.ts` breaks it
 * on purpose, so that green means something.
 */

/** Room → rooms it may import. `X/policy` is the pure half of room X. A room may always import itself. */
const may = {
  core: [],
  contract: ['core'],
  planner: ['core', 'contract'],
  simulator: ['core', 'contract', 'planner', '*/policy'],
  '*/policy': ['core', 'contract'],
  '*': ['core', 'contract', 'ports'],
  server: ['core', 'contract', 'ports', '*', '*/policy', 'planner', 'simulator'],
  cli: [
    'core',
    'contract',
    'ports',
    'planner',
    'simulator',
    'models',
    'injector',
    'server',
    'observability',
  ],
}

/** Files that other rooms may name: interfaces without behaviour. */
const ports = new Set([
  'engines/engine.ts',
  'engines/pairing.ts',
  'engines/models.ts', // pure data about every engine, for planner and simulator
  'runtimes/runtime.ts',
  'store/store.ts',
  'devices/device.ts',
  'observability/exporter.ts',
])

const impureModules = /^(node:(?!crypto$|buffer$)|undici|fastify|pino|pg|kysely)/
const impureGlobals = new Set([
  'process',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'fetch',
  'console',
  'performance',
])

const inSource = (path) => path.replaceAll('\\', '/').match(/(?:^|\/)src\/(.+)$/)?.[1]

function room(path) {
  const [first, second] = path.split('/')
  return { name: first, isPolicy: second === 'policy' }
}

function resolve(from, specifier) {
  const parts = from.split('/').slice(0, -1)
  for (const step of specifier.split('/'))
    if (step === '..') parts.pop()
    else if (step !== '.') parts.push(step)
  return parts.join('/')
}

function isAllowed(from, to) {
  const source = room(from)
  const target = room(to)
  if (source.name === target.name) return !source.isPolicy || target.isPolicy
  if (target.name === 'main.ts') return false
  const key = source.isPolicy ? '*/policy' : source.name in may ? source.name : '*'
  const allowed = may[source.name === 'main.ts' ? 'server' : key]
  if (source.name === 'main.ts') return true
  if (ports.has(to)) return allowed.includes('ports')
  if (target.name === 'server' || target.name === 'cli') return allowed.includes(target.name)
  if (allowed.includes(target.name)) return true
  if (target.isPolicy) return allowed.includes('*/policy')
  return allowed.includes('*') && !['core', 'contract'].includes(source.name)
}

const direction = {
  create(context) {
    const from = inSource(context.filename)
    if (!from || from.endsWith('.test.ts')) return {}
    const check = (node) => {
      const specifier = node.source?.value
      if (typeof specifier !== 'string' || !specifier.startsWith('.')) return
      const to = resolve(from, specifier)
      if (!isAllowed(from, to))
        context.report({
          node,
          message: `src/${from} may not import src/${to}: see "Direction" in docs/architecture.md`,
        })
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    }
  },
}

const purePolicy = {
  create(context) {
    const from = inSource(context.filename)
    const isPure = from && /^(core|planner|simulator|contract)\/|^[^/]+\/policy\//.test(from)
    const hasClock = from === 'core/clock.ts' // the one place where time is read
    if (!isPure || hasClock || from.endsWith('.test.ts')) return {}
    const report = (node, what) =>
      context.report({
        node,
        message: `${what} in src/${from}: policy gets state and returns a decision`,
      })
    return {
      ImportDeclaration(node) {
        if (impureModules.test(node.source.value)) report(node, `import of ${node.source.value}`)
      },
      MemberExpression(node) {
        const name = `${node.object.name}.${node.property.name}`
        if (name === 'Date.now' || name === 'Math.random' || impureGlobals.has(node.object.name))
          report(node, name)
      },
      CallExpression(node) {
        if (impureGlobals.has(node.callee.name)) report(node, `${node.callee.name}()`)
      },
      NewExpression(node) {
        if (node.callee.name === 'Date' && node.arguments.length === 0) report(node, 'new Date()')
      },
    }
  },
}

export default {
  meta: { name: 'layers' },
  rules: { direction, 'pure-policy': purePolicy },
}
