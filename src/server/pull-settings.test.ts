import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { readEnvironment } from './environment.ts'
import { pullSettings } from './pull-settings.ts'

it('takes a token that was changed in a file at once, the data directory’s first', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'baleen tokens '))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const login = join(directory, 'login')
  const tokenWith = async (variables: Record<string, string>) =>
    (await pullSettings(readEnvironment({ HF_TOKEN_PATH: login, ...variables }), directory)).token
  expect(await tokenWith({})).toBeUndefined()
  writeFileSync(login, 'of login\n')
  expect(await tokenWith({})).toBe('of login')
  expect(await tokenWith({ HF_TOKEN: 'of the start' })).toBe('of the start')
  mkdirSync(join(directory, 'secrets/hub'), { recursive: true })
  writeFileSync(join(directory, 'secrets/hub/token'), 'new\n')
  expect(await tokenWith({ HF_TOKEN: 'of the start' })).toBe('new')
})
