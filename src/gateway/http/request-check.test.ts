import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { catalogue } from '../../core/errors.ts'
import type { Endpoint } from '../../contract/journal.ts'
import { scanBody } from './body-scan.ts'
import { checkRequest, isRejection } from './request-check.ts'
import { spliceBody } from './splice.ts'

const messages = [{ role: 'user', content: 'hi' }]
function check(value: object, endpoint: Endpoint = 'chat') {
  const body = Buffer.from(JSON.stringify(value))
  const scanned = scanBody(body)
  if (typeof scanned === 'string') throw new Error(scanned)
  return checkRequest(endpoint, body, scanned)
}

describe('request check', () => {
  it('understands a full request', () => {
    const request = {
      model: 'ant',
      messages,
      stream: true,
      stream_options: { include_usage: true },
      n: 2,
      max_tokens: 5,
      max_completion_tokens: 9,
    }
    expect(check(request)).toEqual({
      model: 'ant',
      stream: true,
      n: 2,
      maxTokens: 9,
      includesUsage: true,
    })
  })

  it('takes null as left out', () => {
    const request = {
      model: 'ant',
      messages,
      stream: null,
      stream_options: null,
      n: null,
      max_tokens: null,
    }
    expect(check(request)).toEqual({
      model: 'ant',
      stream: false,
      n: 1,
      maxTokens: null,
      includesUsage: false,
    })
  })

  it.each([
    [{ messages }, 'model', null, 'you must provide a model parameter'],
    [
      { model: 7, messages },
      'model',
      'invalid_type',
      "Invalid type for 'model': expected a string, but got an integer instead.",
    ],
    [
      { model: 'ant' },
      'messages',
      'missing_required_parameter',
      "Missing required parameter: 'messages'.",
    ],
    [
      { model: 'ant', messages, stream: 'yes' },
      'stream',
      'invalid_type',
      "Invalid type for 'stream': expected a boolean, but got a string instead.",
    ],
    [
      { model: 'ant', messages, n: 1.5 },
      'n',
      'invalid_type',
      "Invalid type for 'n': expected an integer, but got a decimal number instead.",
    ],
    [
      { model: 'ant', messages, n: 0 },
      'n',
      'integer_below_min_value',
      "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    ],
    [
      { model: 'ant', messages, n: 1e9 },
      'n',
      'integer_above_max_value',
      "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 1000000000 instead.",
    ],
    [
      { model: 'ant', messages, max_tokens: -1 },
      'max_tokens',
      'integer_below_min_value',
      /below minimum/,
    ],
    [{ model: 'ant', messages, max_tokens: [] }, 'max_tokens', 'invalid_type', /but got an array/],
    [
      { model: 'ant', messages, stream_options: {} },
      'stream_options',
      null,
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    ],
    [
      { model: 'ant', messages, stream: true, stream_options: 'x' },
      'stream_options',
      'invalid_type',
      /expected an object/,
    ],
    [
      { model: 'ant', messages, stream: true, stream_options: { include_usage: 1 } },
      'stream_options.include_usage',
      'invalid_type',
      /expected a boolean/,
    ],
  ])('refuses %j', (request, param, apiCode, message) => {
    const rejection = check(request)
    expect(rejection).toMatchObject({
      code: 'request/invalid',
      param,
      apiCode,
      message: expect.stringMatching(message),
    })
  })

  it('refuses numbers beyond what JSON can hold', () => {
    const body = Buffer.from('{"model":"ant","messages":[],"n":1e999}')
    const scanned = scanBody(body)
    expect(checkRequest('chat', body, scanned as Exclude<typeof scanned, string>)).toMatchObject({
      param: 'n',
    })
  })

  it('never throws, and has a status for whatever it refuses', () => {
    const keys = [
      'model',
      'messages',
      'stream',
      'stream_options',
      'n',
      'best_of',
      'max_tokens',
    ] as const
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 2 })),
        (value) => {
          const checked = check(value)
          if (isRejection(checked)) expect(catalogue[checked.code].status).toBe(400)
          else expect(checked.n).toBeLessThanOrEqual(128)
        },
      ),
    )
  })
})

describe('splice', () => {
  it('changes the model and the stream options, and leaves every other byte', () => {
    const text =
      '{ "model" : "ant", "x":  1e3 ,"stream":true, "stream_options":{"obfuscation":false} }'
    const body = Buffer.from(text)
    const scanned = scanBody(body) as Exclude<ReturnType<typeof scanBody>, string>
    const change = (servedName: string | null, wantsUsage: boolean) =>
      spliceBody(body, scanned, { servedName, wantsUsage }).toString()
    expect(change(null, false)).toBe(text)
    expect(change('/m/"ant"', true)).toBe(
      String.raw`{ "model" : "/m/\"ant\"", "x":  1e3 ,"stream":true, "stream_options":{"obfuscation":false,"include_usage":true} }`,
    )
  })

  it('puts in stream options where there are none', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), (rest) => {
        const body = Buffer.from(JSON.stringify({ ...rest, model: 'ant' }))
        // As it is once written: JSON knows no -0.
        const value = JSON.parse(body.toString()) as Record<string, unknown>
        const scanned = scanBody(body) as Exclude<ReturnType<typeof scanBody>, string>
        const spliced = spliceBody(body, scanned, { servedName: 'bee', wantsUsage: true })
        const options = (value as { stream_options?: object }).stream_options
        expect(JSON.parse(spliced.toString())).toEqual({
          ...value,
          model: 'bee',
          stream_options: { ...options, include_usage: true },
        })
      }),
    )
  })
})
