import { defineConfig } from 'vitest/config'

/** Against real servers, which it starts itself: `npm run test:integration`. No part of `npm test`. */
export default defineConfig({
  test: {
    include: ['test/integration/**/*.test.ts'],
    // Ray takes half a minute to start anything on a busy machine.
    testTimeout: 400_000,
    hookTimeout: 300_000,
    fileParallelism: false,
    reporters: ['verbose'],
  },
})
