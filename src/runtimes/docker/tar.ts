const block = 512

/** A tar archive of small files, as Docker takes them into a container. */
export function tarOf(directory: string, files: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(files).flatMap(([name, text]) => {
    const content = Buffer.from(text)
    const padding = Buffer.alloc((block - (content.length % block)) % block)
    return [header(`${directory}/${name}`, content.length), content, padding]
  })
  return Buffer.concat([...entries, Buffer.alloc(2 * block)])
}

/** Of the ustar format: names up to 100 bytes, which no engine's settings file needs more than. */
function header(name: string, size: number): Buffer {
  const buffer = Buffer.alloc(block)
  const octal = (value: number, length: number): string =>
    `${value.toString(8).padStart(length - 1, '0')}\0`
  buffer.write(name.replace(/^\//, '').slice(0, 100), 0)
  buffer.write(octal(0o644, 8), 100)
  buffer.write(octal(0, 8), 108)
  buffer.write(octal(0, 8), 116)
  buffer.write(octal(size, 12), 124)
  buffer.write(octal(0, 12), 136)
  buffer.write(' '.repeat(8), 148)
  buffer.write('0', 156)
  buffer.write('ustar\u000000', 257)
  const sum = buffer.reduce((total, byte) => total + byte, 0)
  buffer.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return buffer
}
