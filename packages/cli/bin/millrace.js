#!/usr/bin/env node
// npm links a command only if its file is there at installation, when nothing is built yet: so this one always is.
try {
  await import('../dist/main.js')
} catch (error) {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes('dist/main.js')) throw error
  console.error('millrace is not built yet: npm run build (npm start does it too)')
  process.exitCode = 1
}
