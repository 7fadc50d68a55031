import { describe, expect, it } from 'vitest'
import { runCommand } from './cli.fixture.ts'
import { registry } from './registry.ts'

describe('the command line', () => {
  it('shows all commands when asked', async () => {
    for (const argv of [[], ['--help'], ['-h'], ['help']]) {
      const { code, stdout, stderr } = await runCommand(argv)
      expect(code).toBe(0)
      expect(stderr).toBe('')
      for (const { name } of registry) expect(stdout).toContain(`  ${name} `)
    }
  })

  it.each(registry.map(({ name }) => name))('helps with %s', async (name) => {
    const { code, stdout } = await runCommand([...name.split(' '), '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain(`baleen ${name}`)
    expect(await runCommand(['help', ...name.split(' ')])).toMatchObject({ code: 0, stdout })
  })

  it('every command says what it is and shows an example that its own parser takes', async () => {
    const { parseCommandLine } = await import('./command.ts')
    for (const entry of registry) {
      const { name } = entry
      const command = await entry.load()
      expect(command.name).toBe(name)
      expect(command.summary).toMatch(/^[A-Z].*[^.]$/)
      expect(command.examples.length).toBeGreaterThan(0)
      for (const example of command.examples) {
        expect(example.startsWith(name)).toBe(true)
        const words = example.slice(name.length).split(/ [|<>]/)[0] ?? ''
        const argv = words.match(/"[^"]*"|\S+/g) ?? []
        expect(() => parseCommandLine(command, argv)).not.toThrow()
      }
    }
  })

  it.each([
    [['depoly'], 'there is no command "depoly"', 'Did you mean `baleen deploy`?'],
    [['model', 'pul'], 'there is no command "model pul"', 'Did you mean `baleen model pull`?'],
    [['modle', 'list'], 'there is no command "modle"', 'Did you mean `baleen model`?'],
    [['xyzzyqux'], 'there is no command "xyzzyqux"', 'See `baleen help`.'],
    [['ps', '--wach'], 'there is no flag --wach', 'Did you mean --watch?'],
    [['ps', 'now'], '"now" is one word too many', 'baleen ps --help'],
    [['ps', '--json=yes'], '--json takes no value', ''],
    [['scale'], 'DEPLOYMENT is missing', ''],
    [['scale', 'x', 'many'], 'REPLICAS is a whole number', ''],
    [['logs', 'x', '-n'], '-n needs a value: N', ''],
    [['logs', 'x', '-n', '1e3'], '--lines is a whole number, not "1e3"', ''],
    [['usage', '--by', 'moon'], '--by is one of route, deployment, key, not "moon"', ''],
    [['usage', '--since', 'long'], '--since: "long" is not a duration', ''],
    [['serve', '--port', '70000'], '--port is at most 65535', ''],
    [['stop'], 'name a DEPLOYMENT, or give --all', 'See `baleen stop --help`.'],
    [['stop', 'x', '--all'], 'name a DEPLOYMENT, or give --all', ''],
    [['deploy'], 'name a MODEL, or give --file', ''],
    [['deploy', 'x', '--set', 'contxtTokens=1'], 'no setting', 'Did you mean contextTokens?'],
    [['deploy', 'x', '--set', 'threads'], 'write --set threads=VALUE', ''],
    [['deploy', 'x', '--set', 'threads=many'], 'settings.threads', ''],
    [['completion', 'tcsh'], 'there is no completion for "tcsh"', 'bash, zsh and fish'],
    [['--colour'], 'there is no flag --colour', ''],
  ])('%j is a wrong command line', async (argv, message, hint) => {
    const { code, stdout, stderr } = await runCommand(argv)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^error: cli\/usage: /)
    expect(stderr).toContain(message)
    expect(stderr).toContain(hint)
    expect(stderr).not.toContain('    at ')
  })

  it('shows a stack with --debug only', async () => {
    expect((await runCommand(['depoly', '--debug'])).stderr).toContain('    at ')
  })

  it('a noun alone lists its verbs', async () => {
    const { code, stdout } = await runCommand(['key'])
    expect(code).toBe(2)
    expect(stdout).toContain('key create')
    expect(stdout).not.toContain('deploy')
    expect((await runCommand(['key', '--help'])).code).toBe(0)
  })

  it('says its version three ways', async () => {
    const { version } = JSON.parse((await runCommand(['version', '--json'])).stdout)
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    expect((await runCommand(['--version'])).stdout).toBe(`${version}\n`)
    expect((await runCommand(['version'])).stdout).toContain(version)
  })

  it('takes global flags before the command as well', async () => {
    const before = await runCommand(['--json', 'version'])
    expect(before).toEqual(await runCommand(['version', '--json']))
  })
})

describe('shell completion', () => {
  const offered = async (...words: string[]) =>
    (await runCommand(['__complete', ...words])).stdout.trim().split('\n')

  it('offers commands, verbs, flags, choices and files', async () => {
    expect(await offered('')).toEqual(expect.arrayContaining(['serve', 'model', 'key']))
    expect(await offered('mod')).toEqual(['model'])
    expect(await offered('key', '')).toEqual(['create', 'list', 'edit', 'rm'])
    expect(await offered('ps', '--wa')).toEqual(['--watch'])
    expect(await offered('usage', '--by', '')).toEqual(['route', 'deployment', 'key'])
    expect(await offered('serve', '--config', '')).toEqual([':files'])
    expect(await offered('completion', 'z')).toEqual(['zsh'])
    expect(await offered('help', 'model', 'pu')).toEqual(['pull'])
  })

  it.each(['bash', 'zsh', 'fish'])('prints a script for %s', async (shell) => {
    const { code, stdout } = await runCommand(['completion', shell])
    expect(code).toBe(0)
    expect(stdout).toContain('baleen __complete')
  })
})
