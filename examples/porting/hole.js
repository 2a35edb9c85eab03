// SPDX-License-Identifier: GPL-2.0-only
// hole.c, ported: npx --no-install hmm-sim smoke --suite examples/porting/hole.js
export default ({
  ASSERT_WORDS,
  errno,
  fill,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_migrate_sys_to_dev,
  hmmFixture,
  I,
  TEST_F,
  words,
}) => {
  const hmm = hmmFixture();

  TEST_F(hmm, 'migrate_around_a_hole', function* (t) {
    const { self, sys } = t;
    const npages = 4;
    const buffer = yield* hmm_buffer_alloc(t, npages);
    yield* fill(sys, words(buffer.ptr, buffer.size), I);

    // The range must be mapped from end to end.
    let ret = yield* sys.munmap(buffer.ptr + self.page_size, self.page_size);
    t.ASSERT_EQ({ ret }, 0);
    ret = yield* hmm_migrate_sys_to_dev(t, self.fd, buffer, npages);
    t.ASSERT_EQ({ ret }, { '-EINVAL': -errno.EINVAL });

    // What is before the hole goes to the device, and has what was stored.
    ret = yield* hmm_migrate_sys_to_dev(t, self.fd, buffer, 1);
    t.ASSERT_EQ({ ret }, 0);
    t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, 1);
    yield* ASSERT_WORDS(t, words(buffer.mirror, self.page_size), I);

    yield* hmm_buffer_free(t, buffer);
  });

  return hmm;
};
