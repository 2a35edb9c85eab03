// SPDX-License-Identifier: GPL-2.0-only
/** Which lines begin a report of the kernel, and the title that syzkaller gives to it. Pure data. */

export interface ReportKind {
  /** Of the first line; its groups are the title's $1, $2. */
  readonly begins: RegExp;
  /** With FN for the function; `bare` where none was found. */
  readonly title: string;
  readonly bare?: string;
  /** What of it ends the process, or the machine. */
  readonly kills?: true;
  /** The function stands in the first line, as group 1 (2 where the title has a $1). */
  readonly named?: 1 | 2;
  /** The function is that of the lock line, or the first of the trace that is no scheduler's; else the instruction pointer's. */
  readonly from?: 'lock' | 'trace';
  /** The first line is all of it. */
  readonly oneLine?: true;
}

export const reportKinds: readonly ReportKind[] = [
  {
    begins: /^BUG: KASAN: ([\w-]+) in (\w[\w.]*)/,
    title: 'KASAN: $1 ACCESS in FN',
    named: 2,
  },
  { begins: /^BUG: K(?:F|M|C)ENCE: ([\w -]+?) in (\w[\w.]*)/, title: 'KFENCE: $1 in FN', named: 2 },
  {
    begins: /^BUG: (?:kernel NULL pointer dereference|unable to handle kernel NULL pointer)/i,
    title: 'BUG: unable to handle kernel NULL pointer dereference in FN',
    kills: true,
  },
  {
    // "data access" and "instruction fetch" are powerpc's words.
    begins: /^BUG: unable to handle (?:page fault|kernel (?:paging request|data access|instruction fetch))/i,
    title: 'BUG: unable to handle kernel paging request in FN',
    kills: true,
  },
  {
    begins: /^Unable to handle kernel (NULL pointer dereference|paging request|pointer dereference)/i,
    title: 'BUG: unable to handle kernel $1 in FN',
    kills: true,
  },
  {
    begins: /^(?:Oops: )?general protection fault\b/,
    title: 'general protection fault in FN',
    kills: true,
  },
  { begins: /^kernel BUG at (\S+?)!?$/, title: 'kernel BUG in FN', bare: 'kernel BUG at $1', kills: true },
  {
    begins: /^BUG: sleeping function called from invalid context at (\S+)/,
    title: 'BUG: sleeping function called from invalid context in FN',
    from: 'trace',
  },
  { begins: /^BUG: scheduling while atomic/, title: 'BUG: scheduling while atomic in FN', from: 'trace' },
  {
    begins: /^(?:watchdog: )?BUG: soft lockup/,
    title: 'BUG: soft lockup in FN',
    kills: true,
  },
  { begins: /^BUG: Bad page (state|map|cache)/, title: 'BUG: Bad page $1' },
  { begins: /^BUG: Bad rss-counter state/, title: 'BUG: Bad rss-counter state' },
  {
    begins: /^(?:WARNING: |INFO: |\[ INFO: )?possible (?:circular|recursive) locking/,
    title: 'possible deadlock in FN',
    from: 'lock',
  },
  {
    begins: /^(?:WARNING: )?possible irq lock inversion/,
    title: 'possible deadlock in FN',
    from: 'lock',
  },
  {
    begins: /^(?:WARNING: )?inconsistent lock state/,
    title: 'inconsistent lock state in FN',
    from: 'lock',
  },
  {
    begins: /^(?:WARNING: )?suspicious RCU usage/,
    title: 'WARNING: suspicious RCU usage in FN',
    from: 'trace',
  },
  {
    begins: /^(?:WARNING: )?bad unlock balance/,
    title: 'WARNING: bad unlock balance in FN',
    from: 'lock',
  },
  {
    begins: /^(?:WARNING: )?lock held when returning to user space/,
    title: 'WARNING: lock held when returning to user space in FN',
    from: 'lock',
  },
  {
    begins: /^(?:rcu: )?INFO: \w+ (?:detected (?:expedited )?stalls? on|self-detected stall|detected stall)/,
    title: 'INFO: rcu detected stall in FN',
    from: 'trace',
    kills: true,
  },
  {
    begins: /^INFO: task (\S+?):\d+ (?:<\S+> )?blocked for more than/,
    title: 'INFO: task hung in FN',
    from: 'trace',
  },
  // 6.18 and later name the file first.
  {
    begins: /^WARNING: (?:CPU: \d+ PID: \d+ at )?(\S+:\d+) (?:at )?([a-z_]\w*)\+0x/i,
    title: 'WARNING in FN',
    named: 2,
  },
  { begins: /^WARNING: CPU: \d+ PID: \d+ at (\S+:\d+) ([a-z_][\w.]*)/i, title: 'WARNING in FN', named: 2 },
  { begins: /^WARNING: CPU: \d+ PID: \d+ at (\S+)/, title: 'WARNING in FN', bare: 'WARNING at $1' },
  // The simulated kernel's own.
  { begins: /^WARNING: ([a-z_]\w*): \S/, title: 'WARNING in FN', named: 1, oneLine: true },
  { begins: /^\w+: Kernel oops in (\w+): /, title: 'oops in FN', named: 1, kills: true, oneLine: true },
  { begins: /^\w+: Hung in (\w+): /, title: 'INFO: task hung in FN', named: 1, oneLine: true },
  {
    begins: /^Bail out! the kernel oopsed in (\w+) while/,
    title: 'oops in FN',
    named: 1,
    kills: true,
    oneLine: true,
  },
  // Of a cgroup, or of the machine: the program is gone, the kernel goes on.
  {
    begins: /^(?:Memory cgroup out|Out) of memory: Killed process \d+ \((.+?)\)/,
    title: 'out of memory: $1 killed',
    oneLine: true,
  },
  { begins: /^UBSAN: ([\w-]+) in (\S+)/, title: 'UBSAN: $1 in FN', bare: 'UBSAN: $1', from: 'trace' },
  { begins: /^(?:Internal error: )?Oops(?: - [\w ]+)?: /, title: 'oops in FN', kills: true },
  { begins: /^Kernel panic - not syncing: (.*)$/, title: 'kernel panic: $1', kills: true },
];

/** Functions that every trace goes through, and that say nothing of its cause. */
export const NOISE =
  /^(?:__?)?(?:dump_stack|show_stack|show_trace|print_|kasan_|__asan|report_bug|handle_bug|exc_|asm_|page_fault_oops|no_context|bad_area|__die|die|do_kern_addr_fault|do_user_addr_fault|handle_page_fault|oops_|search_|fixup_|__warn|warn_slowpath|check_memory_region|schedule|__schedule|context_switch|io_schedule|wait_for_completion|rwsem_|down_|up_|mutex_lock|__mutex_lock|__lock_page|folio_wait|folio_lock|__folio_lock|bit_wait|out_of_line_wait|lock_acquire|__lock_acquire|lock_release|validate_chain|check_noncircular|check_prev_add|check_deadlock|mark_lock|lockdep_|rcu_|nmi_|sysvec_|irq_|tick_|hrtimer_|__hrtimer|update_process_times|__might_|might_|___might|ret_from|do_syscall|entry_SYSCALL|el0|el1|__x64_sys|__se_sys|__do_sys|invoke_syscall|debug_|preempt_|raw_spin|_raw_|__raw|ubsan|__ubsan|handle_overflow|__refcount|sched_show|task_sched)/;
