import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // A machine may be busy; what must be quick has its own limit.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 4,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{src,bench,tools}/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/integration/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // Each starts the whole program: after the rest. They wait more than they compute, so all run together.
          sequence: { groupOrder: 1 },
          maxWorkers: 8,
        },
      },
    ],
  },
})
