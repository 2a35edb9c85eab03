// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kernel function that answers a step, and the errnos that it has a path to return (signals left out: no
 * scenario sends any to a process that waits). Anything else is a mistake of the simulator.
 */
import type { Step, StepOf } from './schema.js';

export interface KernelFunction {
  readonly fn: string;
  readonly errnos: readonly string[];
}

const at = (fn: string, ...errnos: string[]): KernelFunction => ({ fn, errnos });

/** dmirror_fops_unlocked_ioctl() checks the struct before it looks at the command; the VFS, the fd. */
const ioctl = (fn: string, ...errnos: string[]): KernelFunction => at(fn, 'EBADF', 'EINVAL', ...errnos);

const IOCTLS: Readonly<Record<StepOf<'ioctl'>['cmd'], KernelFunction>> = {
  READ: ioctl('dmirror_read', 'EFAULT', 'EPERM', 'EBUSY', 'ENOMEM'),
  WRITE: ioctl('dmirror_write', 'EFAULT', 'EPERM', 'EBUSY', 'ENOMEM'),
  MIGRATE: ioctl('dmirror_migrate', 'EFAULT', 'ENOENT', 'ENOMEM'),
  MIGRATE_TO_DEV: ioctl('dmirror_migrate_to_device', 'EFAULT', 'ENOENT', 'ENOMEM'),
  MIGRATE_TO_SYS: ioctl('dmirror_migrate_to_system', 'ENOMEM'),
  SNAPSHOT: ioctl('dmirror_snapshot', 'EFAULT', 'EBUSY', 'ENOMEM'),
  EXCLUSIVE: ioctl('dmirror_exclusive', 'EFAULT', 'EBUSY', 'ENOENT', 'ENOMEM'),
  CHECK_EXCLUSIVE: ioctl('dmirror_check_atomic', 'EPERM'),
  RELEASE: ioctl('dmirror_device_remove_chunks'),
  GET_MEM_DEV_TYPE: ioctl('dmirror_fops_unlocked_ioctl'),
};

const IOCTL_RAW = ioctl('dmirror_fops_unlocked_ioctl', 'EFAULT', 'EPERM', 'EBUSY', 'ENOENT', 'ENOMEM');

const POPULATE = at('madvise_populate', 'EINVAL', 'ENOMEM', 'EFAULT');
const BEHAVIOUR = at('madvise_vma_behavior', 'EINVAL', 'ENOMEM', 'EAGAIN');

const ADVICE: Readonly<Record<StepOf<'madvise'>['advice'], KernelFunction>> = {
  hugepage: BEHAVIOUR,
  nohugepage: BEHAVIOUR,
  dontfork: BEHAVIOUR,
  wipeonfork: BEHAVIOUR,
  dontneed: at('madvise_dontneed_free', 'EINVAL', 'ENOMEM'),
  free: at('madvise_dontneed_free', 'EINVAL', 'ENOMEM'),
  populate_read: POPULATE,
  populate_write: POPULATE,
  collapse: at('madvise_collapse', 'EINVAL', 'ENOMEM', 'EAGAIN', 'EBUSY'),
};

const OTHERS: Readonly<Record<Exclude<Step['op'], 'ioctl' | 'madvise'>, KernelFunction>> = {
  open: at('dmirror_fops_open', 'ENOENT', 'ENXIO', 'ENOMEM', 'EMFILE'),
  close: at('dmirror_fops_release', 'EBADF'),
  mmap: at('do_mmap', 'EBADF', 'EINVAL', 'ENOMEM', 'EACCES', 'EAGAIN', 'ENODEV', 'EPERM', 'EOVERFLOW'),
  munmap: at('__vm_munmap', 'EINVAL', 'ENOMEM'),
  mlock: at('do_mlock', 'EINVAL', 'ENOMEM', 'EAGAIN', 'EPERM'),
  munlock: at('apply_vma_lock_flags', 'EINVAL', 'ENOMEM'),
  mprotect: at('do_mprotect_pkey', 'EINVAL', 'ENOMEM', 'EACCES'),
  mremap: at('mremap_to', 'EINVAL', 'EFAULT', 'ENOMEM', 'EAGAIN'),
  store: at('handle_mm_fault'),
  load: at('handle_mm_fault'),
  pagemap: at('pagemap_read', 'EFAULT', 'ENOMEM'),
  ioctl_raw: IOCTL_RAW,
  gup: at('gup_test_ioctl', 'EINVAL', 'EFAULT', 'ENOMEM'),
  pin: at('pin_longterm_test_start', 'EINVAL', 'EFAULT', 'ENOMEM', 'EBUSY', 'EAGAIN', 'EOPNOTSUPP'),
  unpin: at('pin_longterm_test_stop', 'EINVAL'),
  fork: at('copy_process', 'ENOMEM', 'EAGAIN'),
  exit: at('do_exit'),
};

/** Who answers `step`. */
export function kernelFunctionOf(step: Step): KernelFunction {
  if (step.op === 'ioctl') return IOCTLS[step.cmd];
  return step.op === 'madvise' ? ADVICE[step.advice] : OTHERS[step.op];
}

/** May the kernel answer `step` so? ESRCH is the runner's word for a process that is gone. */
export function canReturn(step: Step, ret: string | 0 | undefined): boolean {
  if (ret === undefined || ret === 0 || ret === 'ESRCH') return true;
  return kernelFunctionOf(step).errnos.includes(ret);
}
