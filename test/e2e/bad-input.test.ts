import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root, serve, until, type Serving } from './serving.ts'

const model = 'minimind2-small'
const chat = { model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 2 }

describe('bad input', () => {
  let serving: Serving
  let pidsAtStart: number[]

  const all = () => [
    ...serving.pids('gateway'),
    ...serving.pids('control'),
    ...serving.pids('replica'),
  ]
  const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
    fetch(`${serving.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${serving.key}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: body as NonNullable<RequestInit['body']>,
    })

  beforeAll(async () => {
    serving = await serve()
    await until('both engines answer', async () => {
      const embed = { model: 'all-minilm-l6-v2', input: 'x' }
      await serving.openai().embeddings.create(embed)
      return (await post(JSON.stringify(chat))).status === 200
    })
    pidsAtStart = all().toSorted((a, b) => a - b)
  }, 120_000)
  afterAll(() => serving?.close(), 60_000)

  it.each([
    ['no JSON', '{"model":', 400],
    ['an array', '[1,2]', 400],
    ['a lone NaN', JSON.stringify(chat).replace('2}', 'NaN}'), 400],
    [
      'bad UTF-8',
      Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xff, 0xc0]), Buffer.from('"}')]),
      400,
    ],
    [
      'a hundred thousand brackets',
      `{"model":"${model}","messages":${'['.repeat(1e5)}${']'.repeat(1e5)}}`,
      400,
    ],
    [
      'deep members',
      `{"model":"${model}","messages":${'{"a":'.repeat(1e4)}1${'}'.repeat(1e4)}}`,
      400,
    ],
    ['an empty body', '', 400],
    [
      'an unknown role',
      JSON.stringify({ ...chat, messages: [{ role: 'whale', content: 'Hi' }] }),
      400,
    ],
    ['a negative max_tokens', JSON.stringify({ ...chat, max_tokens: -1 }), 400],
    ['an endless temperature', JSON.stringify(chat).replace('2}', '2,"temperature":1e999}'), 400],
    [
      'more than sixteen mebibytes',
      JSON.stringify({ ...chat, user: 'x'.repeat(17 * 2 ** 20) }),
      413,
    ],
  ])('answers %s with an error in the form of OpenAI', async (_, body, status) => {
    const response = await post(body)
    expect(response.status).toBe(status)
    const { error } = (await response.json()) as { error: Record<string, unknown> }
    expect(error).toMatchObject({ message: expect.any(String), type: 'invalid_request_error' })
    expect(response.headers.get('x-request-id')).toBeTruthy()
  })

  it('refuses bodies of 100 MB without keeping them', async () => {
    const residentBytes = () =>
      serving.pids('gateway').reduce((sum, pid) => {
        const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
        return sum + Number(kilobytes) * 1024
      }, 0)
    const before = residentBytes()
    const hundred = Buffer.alloc(100 * 2 ** 20, 0x20)
    for (let round = 0; round < 20; round++)
      await post(hundred).then(
        async (response) => {
          expect(response.status).toBe(413)
          await response.text()
        },
        // The gateway stops reading: a client that goes on sending may see a reset.
        () => undefined,
      )
    expect(residentBytes() - before).toBeLessThan(120 * 2 ** 20)
  }, 180_000)

  it.each([
    ['no HTTP', 'HELLO WHALE\r\n\r\n'],
    ['headers without an end', `GET / HTTP/1.1\r\nx: ${'y'.repeat(100_000)}`],
    [
      'two lengths at once',
      'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ])('closes a connection that sends %s', async (_, bytes) => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(serving.port, '127.0.0.1', () => socket.write(bytes))
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('error', () => resolve(text))
      socket.on('close', () => resolve(text))
    })
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
  })

  it('refuses a GGUF file that is cut short, and says where', async () => {
    const whole = readFileSync(join(root, 'node_modules/.cache/baleen/models/minimind2-small.gguf'))
    const file = join(serving.dataDirectory, 'cut.gguf')
    writeFileSync(file, whole.subarray(0, 1_000_000))
    const response = await serving.api('POST', '/deployments', { name: 'cut', model: file })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      error: { code: 'model/bad-file', message: expect.stringContaining('cut short') },
    })
  })

  it('says which port is busy', () => {
    const other = mkdtempSync(join(tmpdir(), 'baleen-busy-'))
    const { stderr, status } = spawnSync(
      process.execPath,
      [
        join(root, 'src/main.ts'),
        'serve',
        '--data',
        other,
        '--port',
        String(serving.port),
        '--control-port',
        '0',
      ],
      { encoding: 'utf8', timeout: 30_000 },
    )
    rmSync(other, { recursive: true })
    expect(stderr).toContain(`machine/port-busy`)
    expect(stderr).toContain(String(serving.port))
    expect(status).toBe(1)
  })

  it('has not cost a single process, and still answers', async () => {
    expect(all().toSorted((a, b) => a - b)).toEqual(pidsAtStart)
    expect((await post(JSON.stringify(chat))).status).toBe(200)
  })
})

const mount = mkdtempSync(join(tmpdir(), 'baleen-full-'))
const canMount =
  process.platform === 'linux' &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', mount]).status === 0

describe.skipIf(!canMount)('a full disk (needs the right to mount a tmpfs)', () => {
  afterAll(() => {
    spawnSync('umount', ['-l', mount])
    rmSync(mount, { recursive: true, force: true })
  })

  it('refuses what it can not account for, lives, and recovers with the space', async () => {
    // One gateway process: each finds out about the disk by itself.
    const serving = await serve({
      dataDirectory: mount,
      config: { gateway: { processes: 1 } },
    })
    const ballast = join(mount, 'ballast')
    await until('the key is printed', () => serving.key !== '')
    const headers = { authorization: `Bearer ${serving.key}`, 'content-type': 'application/json' }
    const ask = () =>
      fetch(`${serving.url}/v1/chat/completions`, {
        method: 'POST',
        headers,
        body: JSON.stringify(chat),
      })
    try {
      await until('the model answers', async () => (await ask()).status === 200)
      const pids = () =>
        (['gateway', 'control', 'replica'] as const).flatMap((role) => serving.pids(role))
      const pidsBefore = pids()
      const fill = spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k'], { encoding: 'utf8' })
      expect(fill.stderr).toMatch(/No space left/)
      await until('usage can not be written any more', async () => {
        const response = await ask()
        const text = await response.text()
        return response.status === 503 && text.includes('gateway/journal-unavailable')
      })
      const refused = await ask()
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
      // A load balancer should look elsewhere meanwhile.
      expect((await fetch(`${serving.url}/health`)).status).toBe(503)
      await until('control says so', async () => {
        const response = await serving.api('POST', '/keys', { name: 'during' })
        return response.status === 507 && (await response.text()).includes('machine/disk-full')
      })
      rmSync(ballast)
      await until('it answers again', async () => (await ask()).status === 200)
      await until(
        'control writes again',
        async () => (await serving.api('POST', '/keys', { name: 'after' })).status === 201,
      )
      expect(pids()).toEqual(pidsBefore)
    } finally {
      rmSync(ballast, { force: true })
      await serving.stop()
    }
  }, 180_000)
})
