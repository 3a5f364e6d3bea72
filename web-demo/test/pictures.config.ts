import { defineConfig } from 'vitest/config'

// `npm run screenshots`: the pictures of the documentation are made anew.
export default defineConfig({ test: { include: ['test/pictures.ts'], testTimeout: 300_000, hookTimeout: 300_000 } })
