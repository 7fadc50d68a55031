import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openApiDocument } from '../src/server/api/openapi.ts'

/** Writes docs/reference/openapi.json. A test says when that is due. */
const path = join(import.meta.dirname, '..', 'docs', 'reference', 'openapi.json')
writeFileSync(path, `${JSON.stringify(await openApiDocument(), null, 2)}\n`)
