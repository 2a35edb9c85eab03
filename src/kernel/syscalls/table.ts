// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: arch/x86/entry/syscalls/syscall_64.tbl: the system calls by number. */
import { done } from '../../sim/task.js';
import { ENOSYS } from '../../uapi/errno.js';
import * as nr from '../../uapi/syscalls.js';
import * as files from './files.js';
import * as memory from './memory.js';
import * as mount from './mount.js';
import * as numa from './numa.js';
import * as poll from './poll.js';
import * as processes from './processes.js';
import * as remote from './remote.js';
import * as sync from './sync.js';
import * as time from './time.js';
import type { Fidelity, Syscall } from './types.js';

function call(name: string, fidelity: Fidelity, fn: Syscall['fn'], args: readonly string[] = []): Syscall {
  return { name, fidelity, args, traced: true, fn };
}

/** The trace does not tell of the call, which has no end, or begins a thread that tells for itself. */
function untraced(name: string, fidelity: Fidelity, fn: Syscall['fn']): Syscall {
  return { name, fidelity, args: [], traced: false, fn };
}

/** What answers for a number that is not in the table. */
export const ni_syscall: Syscall = untraced('ni_syscall', 'ported', () => done(-ENOSYS));

const RANGE = ['start', 'len'];
const VM_RANGE = ['pid', 'local', 'remote', 'len'];
const NODEMASK = ['mode', 'nmask', 'maxnode'];
const FILE_RANGE = ['fd', 'buf', 'count'];

export const syscalls: Readonly<Record<number, Syscall>> = {
  [nr.__NR_read]: call('read', 'simplified', files.sys_read, FILE_RANGE),
  [nr.__NR_write]: call('write', 'simplified', files.sys_write, FILE_RANGE),
  [nr.__NR_close]: call('close', 'ported', files.sys_close, ['fd']),
  [nr.__NR_lseek]: call('lseek', 'simplified', files.sys_lseek, ['fd', 'offset', 'whence']),
  [nr.__NR_mmap]: call('mmap', 'simplified', memory.sys_mmap, ['addr', 'len', 'prot', 'flags', 'fd', 'off']),
  [nr.__NR_mprotect]: call('mprotect', 'ported', memory.sys_mprotect, [...RANGE, 'prot']),
  [nr.__NR_munmap]: call('munmap', 'ported', memory.sys_munmap, ['addr', 'len']),
  [nr.__NR_ioctl]: call('ioctl', 'simplified', files.sys_ioctl, ['fd', 'cmd', 'arg']),
  [nr.__NR_pread64]: call('pread64', 'simplified', files.sys_pread64, [...FILE_RANGE, 'pos']),
  [nr.__NR_pwrite64]: call('pwrite64', 'simplified', files.sys_pwrite64, [...FILE_RANGE, 'pos']),
  [nr.__NR_mremap]: call('mremap', 'ported', memory.sys_mremap, [
    'addr',
    'old_len',
    'new_len',
    'flags',
    'new_addr',
  ]),
  [nr.__NR_msync]: call('msync', 'ported', sync.sys_msync, [...RANGE, 'flags']),
  [nr.__NR_mincore]: call('mincore', 'ported', memory.sys_mincore, [...RANGE, 'vec']),
  [nr.__NR_madvise]: call('madvise', 'ported', memory.sys_madvise, [...RANGE, 'behavior']),
  [nr.__NR_nanosleep]: call('nanosleep', 'simplified', time.sys_nanosleep, ['ns']),
  [nr.__NR_clone]: call('clone', 'simplified', processes.sys_clone),
  [nr.__NR_wait4]: call('wait4', 'simplified', processes.sys_wait4, ['pid']),
  [nr.__NR_kill]: call('kill', 'simplified', processes.sys_kill, ['pid']),
  [nr.__NR_fcntl]: call('fcntl', 'simplified', files.sys_fcntl, ['fd', 'cmd', 'arg']),
  [nr.__NR_fsync]: call('fsync', 'simplified', sync.sys_fsync, ['fd']),
  [nr.__NR_ftruncate]: call('ftruncate', 'simplified', files.sys_ftruncate, ['fd', 'length']),
  [nr.__NR_mkdir]: call('mkdir', 'simplified', mount.sys_mkdir),
  [nr.__NR_rmdir]: call('rmdir', 'simplified', mount.sys_rmdir),
  [nr.__NR_unlink]: call('unlink', 'simplified', mount.sys_unlink),
  [nr.__NR_mlock]: call('mlock', 'ported', memory.sys_mlock, RANGE),
  [nr.__NR_munlock]: call('munlock', 'ported', memory.sys_munlock, RANGE),
  [nr.__NR_prctl]: call('prctl', 'simplified', processes.sys_prctl, [
    'option',
    'arg2',
    'arg3',
    'arg4',
    'arg5',
  ]),
  [nr.__NR_arch_prctl]: call('arch_prctl', 'simplified', processes.sys_arch_prctl, ['option', 'arg2']),
  [nr.__NR_mount]: call('mount', 'simplified', mount.sys_mount),
  [nr.__NR_umount2]: call('umount', 'simplified', mount.sys_umount2),
  [nr.__NR_exit_group]: untraced('exit_group', 'ported', processes.sys_exit_group),
  [nr.__NR_mbind]: call('mbind', 'simplified', numa.sys_mbind, [
    ...RANGE,
    'mode',
    'nmask',
    'maxnode',
    'flags',
  ]),
  [nr.__NR_set_mempolicy]: call('set_mempolicy', 'simplified', numa.sys_set_mempolicy, NODEMASK),
  [nr.__NR_get_mempolicy]: call('get_mempolicy', 'simplified', numa.sys_get_mempolicy, [
    'policy',
    'nmask',
    'maxnode',
    'addr',
    'flags',
  ]),
  [nr.__NR_migrate_pages]: call('migrate_pages', 'simplified', numa.sys_migrate_pages, [
    'pid',
    'maxnode',
    'old_nodes',
    'new_nodes',
  ]),
  [nr.__NR_sync_file_range]: call('sync_file_range', 'simplified', sync.sys_sync_file_range, [
    'fd',
    'offset',
    'nbytes',
    'flags',
  ]),
  [nr.__NR_move_pages]: call('move_pages', 'simplified', numa.sys_move_pages, [
    'pid',
    'nr_pages',
    'pages',
    'nodes',
    'status',
    'flags',
  ]),
  [nr.__NR_openat]: call('openat', 'simplified', files.sys_openat),
  [nr.__NR_fallocate]: call('fallocate', 'simplified', files.sys_fallocate, ['fd', 'mode', 'offset', 'len']),
  [nr.__NR_process_vm_readv]: call('process_vm_readv', 'simplified', remote.sys_process_vm_readv, VM_RANGE),
  [nr.__NR_process_vm_writev]: call(
    'process_vm_writev',
    'simplified',
    remote.sys_process_vm_writev,
    VM_RANGE,
  ),
  [nr.__NR_memfd_create]: call('memfd_create', 'simplified', files.sys_memfd_create),
  [nr.__NR_poll]: call('poll', 'simplified', poll.sys_poll, ['ufds', 'nfds', 'timeout_msecs']),
  [nr.__NR_eventfd2]: call('eventfd2', 'simplified', poll.sys_eventfd2, ['count', 'flags']),
  [nr.__NR_userfaultfd]: call('userfaultfd', 'simplified', files.sys_userfaultfd, ['flags']),
  [nr.__NR_clone3]: untraced('clone3', 'simplified', processes.sys_clone3),
};
