import { describe, expect, it } from 'vitest'
import { parseCsv } from './csv.ts'

describe('parseCsv', () => {
  it.each([
    ['commas', 'a,b\n1,2\n'],
    ['semicolons', 'a;b\n1;2\n'],
    ['tabs', 'a\tb\n1\t2'],
    ['a byte order mark and CRLF', '\uFEFFa,b\r\n1,2\r\n'],
    ['blank lines', 'a,b\n\n1,2\n\n'],
    ['quotes', '"a","b"\n"1","2"\n'],
  ])('reads %s', (_, text) => expect(parseCsv(text)).toEqual([{ a: '1', b: '2' }]))

  it.each([
    ['a comma in quotes', 'a;b\n"1,5";2', { a: '1,5', b: '2' }],
    ['a semicolon among commas', 'a,b\nx;y,2', { a: 'x;y', b: '2' }],
    ['a quote in quotes', 'a,b\n"say ""x""",2', { a: 'say "x"', b: '2' }],
    ['a quote inside a word', 'a,b\n5" disk,2', { a: '5" disk', b: '2' }],
    ['a line break in quotes', 'a,b\n"1\n2",3', { a: '1\n2', b: '3' }],
    ['a short line', 'a,b\n1', { a: '1', b: '' }],
  ])('takes %s as it is meant', (_, text, row) => expect(parseCsv(text)).toEqual([row]))

  it('finds nothing in nothing', () => expect(parseCsv('')).toEqual([]))
})
