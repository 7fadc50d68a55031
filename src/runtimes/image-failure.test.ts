import { describe, expect, it } from 'vitest'
import { imageFailure, saysWhy } from './image-failure.ts'

/** As Docker 27, containerd 1.7 and CRI-O say it. */
const said: readonly (readonly [code: string, text: string])[] = [
  [
    'runtime/image-not-found',
    'manifest for vllm/vllm-openai:v9 not found: manifest unknown: manifest unknown',
  ],
  [
    'runtime/image-not-found',
    'ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/org/x:1": failed to resolve reference "docker.io/org/x:1": docker.io/org/x:1: not found',
  ],
  ['runtime/image-not-found', 'InvalidImageName: Failed to apply default image tag "a b:c"'],
  [
    'runtime/image-not-found',
    'no matching manifest for linux/arm64/v8 in the manifest list entries',
  ],
  [
    'runtime/image-forbidden',
    "pull access denied for org/x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
  ],
  [
    'runtime/image-forbidden',
    'failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token: 403 Forbidden',
  ],
  [
    'runtime/image-forbidden',
    'Head "https://nvcr.io/v2/x/manifests/1": unauthorized: authentication required',
  ],
  [
    'runtime/registry-unreachable',
    'Get "https://registry.example.com/v2/": dial tcp: lookup registry.example.com on 10.0.0.2:53: no such host',
  ],
  ['runtime/registry-unreachable', 'Get "https://10.0.0.9/v2/": net/http: TLS handshake timeout'],
  ['runtime/registry-unreachable', 'toomanyrequests: You have reached your pull rate limit.'],
  ['machine/disk-full', 'failed to register layer: write /usr/lib/x.so: no space left on device'],
]

describe('an image that can not be pulled', () => {
  it.each(said)('%s: %s', (code, text) => {
    const error = imageFailure('org/x:1', text)
    expect(error.code).toBe(code)
    expect(error.message).toContain('org/x:1 can’t be pulled: ')
    expect(error.message).toContain(text.slice(0, 40))
    expect(error.hint).not.toBe('')
  })

  it('is told in the words of whoever pulled it where nobody knows better', () =>
    expect(imageFailure('x', 'something else')).toMatchObject({
      code: 'runtime/refused',
      message: 'x can’t be pulled: something else',
    }))

  it('has no cause in what a cluster says while it waits', () => {
    expect(saysWhy('Back-off pulling image "org/x:1"')).toBe(false)
    expect(saysWhy('Back-off pulling image "org/x:1": ErrImagePull: … not found')).toBe(true)
  })
})
