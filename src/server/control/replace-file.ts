import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'

/** Readers see the old file or the whole new one, also after a power cut. For this user only. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w', 0o600)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}
