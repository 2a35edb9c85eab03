// SPDX-License-Identifier: GPL-2.0-only
/** Numbers of the system calls that exist here (arch/x86/entry/syscalls/syscall_64.tbl). */

export const __NR_read = 0;
export const __NR_write = 1;
export const __NR_close = 3;
export const __NR_poll = 7;
export const __NR_lseek = 8;
export const __NR_mmap = 9;
export const __NR_mprotect = 10;
export const __NR_munmap = 11;
export const __NR_ioctl = 16;
export const __NR_pread64 = 17;
export const __NR_pwrite64 = 18;
export const __NR_mremap = 25;
export const __NR_msync = 26;
export const __NR_mincore = 27;
export const __NR_madvise = 28;
export const __NR_nanosleep = 35;
export const __NR_clone = 56;
export const __NR_wait4 = 61;
export const __NR_kill = 62;
export const __NR_fcntl = 72;
export const __NR_fsync = 74;
export const __NR_ftruncate = 77;
export const __NR_mkdir = 83;
export const __NR_rmdir = 84;
export const __NR_unlink = 87;
export const __NR_mlock = 149;
export const __NR_munlock = 150;
export const __NR_prctl = 157;
export const __NR_arch_prctl = 158;
export const __NR_mount = 165;
export const __NR_umount2 = 166;
export const __NR_exit_group = 231;
export const __NR_mbind = 237;
export const __NR_set_mempolicy = 238;
export const __NR_get_mempolicy = 239;
export const __NR_migrate_pages = 256;
export const __NR_openat = 257;
export const __NR_sync_file_range = 277;
export const __NR_move_pages = 279;
export const __NR_fallocate = 285;
export const __NR_eventfd2 = 290;
export const __NR_process_vm_readv = 310;
export const __NR_process_vm_writev = 311;
export const __NR_memfd_create = 319;
export const __NR_userfaultfd = 323;
export const __NR_clone3 = 435;

/** openat(): relative to the current directory, as open() is. */
export const AT_FDCWD = -100;
/** Longest path, its NUL included. */
export const PATH_MAX = 4096;
