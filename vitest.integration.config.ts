import { defineConfig } from 'vitest/config'

/** Against real servers, which it starts itself: `npm run test:integration`. No part of `npm test`. */
export default defineConfig({
  test: {
    include: ['test/integration/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    fileParallelism: false,
    reporters: ['verbose'],
  },
})
