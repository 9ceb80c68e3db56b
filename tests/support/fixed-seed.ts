/** Properties draw the same cases each time, so that a change is judged by what it changed; MILLRACE_SEED draws others. */
import fc from 'fast-check'

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env['MILLRACE_SEED'] ?? 1) })
