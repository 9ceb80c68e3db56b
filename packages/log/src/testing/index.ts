export { CRASH_MODES, type CrashMode } from './crash-mode.ts'
export {
  type DiskFault,
  type DiskOperation,
  type DiskOperationKind,
  SimulatedDisk,
  type SimulatedDiskOptions,
} from './simulated-disk.ts'
