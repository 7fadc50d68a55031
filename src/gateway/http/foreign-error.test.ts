import { describe, expect, it } from 'vitest'
import { normaliseError, normaliseEvent } from './foreign-error.ts'

const replica = 'ant-1'
const normal = (status: number, body: unknown) =>
  JSON.parse(String(normaliseError(status, Buffer.from(JSON.stringify(body)), replica))) as {
    error: object
  }

describe('an error of vLLM', () => {
  const message = "This model's maximum context length is 2048 tokens. However, you requested 4000."

  it('gets the type and the code of OpenAI’s API', () => {
    const error = { message, type: 'BadRequestError', param: 'input_tokens', code: 400 }
    expect(normal(400, { error })).toEqual({
      error: {
        message,
        type: 'invalid_request_error',
        param: 'input_tokens',
        code: 'context_length_exceeded',
      },
    })
    const missing = { message: 'The model `x` does not exist.', type: 'NotFoundError', code: 404 }
    expect(normal(404, { error: missing }).error).toMatchObject({
      code: 'model_not_found',
      param: null,
    })
    const broken = { message: 'boom', type: 'Internal Server Error', param: null, code: 500 }
    expect(normal(500, { error: broken }).error).toMatchObject({ type: 'server_error', code: null })
  })

  it('does so in the middle of a stream, too', () => {
    const event = {
      error: { message: 'boom', type: 'InternalServerError', param: null, code: 500 },
    }
    expect(JSON.parse(String(normaliseEvent(event)))).toEqual({
      error: { message: 'boom', type: 'server_error', param: null, code: null },
    })
  })
})

it('passes what has OpenAI’s form byte by byte', () => {
  const body = Buffer.from(
    '{ "error":{"message":"m","type":"server_error","param":null,"code":null} }',
  )
  expect(normaliseError(500, body, replica)).toBe(body)
  expect(normaliseEvent(JSON.parse(String(body)) as Record<string, unknown>)).toBeNull()
})
