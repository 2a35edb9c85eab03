/* A test as hmm-tests.c has them: the middle of a buffer is unmapped, and the device may migrate the rest. */
TEST_F(hmm, migrate_around_a_hole)
{
	struct hmm_buffer *buffer;
	unsigned long npages = 4;
	unsigned long size = npages << self->page_shift;
	unsigned long i;
	int *ptr;
	int ret;

	buffer = malloc(sizeof(*buffer));
	ASSERT_NE(buffer, NULL);
	buffer->fd = -1;
	buffer->size = size;
	buffer->mirror = malloc(size);
	ASSERT_NE(buffer->mirror, NULL);
	buffer->ptr = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, buffer->fd, 0);
	ASSERT_NE(buffer->ptr, MAP_FAILED);

	for (i = 0, ptr = buffer->ptr; i < size / sizeof(*ptr); ++i)
		ptr[i] = i;

	/* The range must be mapped from end to end. */
	ret = munmap(buffer->ptr + self->page_size, self->page_size);
	ASSERT_EQ(ret, 0);
	ret = hmm_migrate_sys_to_dev(self->fd, buffer, npages);
	ASSERT_EQ(ret, -EINVAL);

	/* What is before the hole goes to the device, and has what was stored. */
	ret = hmm_migrate_sys_to_dev(self->fd, buffer, 1);
	ASSERT_EQ(ret, 0);
	ASSERT_EQ(buffer->cpages, 1);
	for (i = 0, ptr = buffer->mirror; i < self->page_size / sizeof(*ptr); ++i)
		ASSERT_EQ(ptr[i], i);

	hmm_buffer_free(buffer);
}
