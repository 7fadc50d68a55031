import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTextStream } from './text-stream.ts'

const encoder = new TextEncoder()

function feed(stops: readonly string[], pieces: readonly Uint8Array[]) {
  const stream = createTextStream(stops)
  const shown: string[] = []
  for (const piece of pieces) {
    if (stream.isStopped) break
    shown.push(stream.push(piece))
  }
  shown.push(stream.end())
  return { shown, text: shown.join(''), isStopped: stream.isStopped }
}

/** Cuts bytes into pieces at any place, also within characters. */
const cut = (bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] => {
  const pieces: Uint8Array[] = []
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}
const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1 })
const wellFormed = fc.string({ unit: 'binary' }).map((text) => text.toWellFormed())
const narrow = fc.string({ unit: fc.constantFrom('a', 'b', 'ä', '😀') })

describe('text stream', () => {
  it('shows the same text however its bytes are cut, never half a character', () => {
    fc.assert(
      fc.property(wellFormed, sizes, (text, cuts) => {
        const { text: shown, shown: pieces } = feed([], cut(encoder.encode(text), cuts))
        expect(shown).toBe(text)
        for (const piece of pieces) expect(piece.isWellFormed()).toBe(true)
      }),
    )
  })

  it('shows exactly what stands before the first stop string', () => {
    const stops = fc.array(
      narrow.filter((stop) => stop !== ''),
      { minLength: 1, maxLength: 4 },
    )
    fc.assert(
      fc.property(narrow, stops, sizes, (text, stopStrings, cuts) => {
        const places = stopStrings.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
        const { text: shown, isStopped } = feed(stopStrings, cut(encoder.encode(text), cuts))
        expect(isStopped).toBe(places.length > 0)
        // Of two that overlap the one that is complete first ends the stream, maybe further right.
        const allowed = places.map((at) => text.slice(0, at))
        expect(places.length > 0 ? allowed : [text]).toContain(shown)
      }),
    )
  })

  it('lets nothing of a stop string out before it is sure', () => {
    const stream = createTextStream(['STOP'])
    expect(stream.push(encoder.encode('a ST'))).toBe('a ')
    expect(stream.push(encoder.encode('O'))).toBe('')
    expect(stream.push(encoder.encode('X'))).toBe('STOX')
    expect(stream.push(encoder.encode(' STOP b'))).toBe(' ')
    expect([stream.isStopped, stream.end()]).toEqual([true, ''])
  })

  it('drops a character that was cut off at the end', () => {
    expect(feed([], [encoder.encode('é😀').subarray(0, 4)]).text).toBe('é')
  })
})
