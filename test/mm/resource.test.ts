// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import {
  __release_region,
  __request_region,
  children,
  IORES_DESC_DEVICE_PRIVATE_MEMORY,
  IORES_DESC_NONE,
  IORES_DESC_SOFT_RESERVED,
  IORESOURCE_BUSY,
  IORESOURCE_MEM,
  IORESOURCE_SYSTEM_RAM,
  insert_resource,
  lookup_resource,
  REGION_DISJOINT,
  REGION_INTERSECTS,
  REGION_MIXED,
  Resource,
  region_intersects,
  request_free_mem_region,
} from '../../src/mm/resource.js';

const EBUSY = 16;
const ERANGE = 34;
const CHUNK = 2 ** 28;
const SECTION = 2 ** 27;

function iomem(end = 2 ** 46 - 1): Resource {
  return new Resource('PCI mem', 0, end, IORESOURCE_MEM);
}

/** The tree as text: "name start-end" with two spaces for each level. */
function show(parent: Resource, indent = ''): string[] {
  return children(parent).flatMap((res) => {
    t.equal(res.parent, parent, `${res.name} knows its parent`);
    const line = `${indent}${res.name} ${res.start.toString(16)}-${res.end.toString(16)}`;
    return [line, ...show(res, `${indent}  `)];
  });
}

function named(name: string, start: number, end: number): Resource {
  return new Resource(name, start, end, IORESOURCE_MEM);
}

t.test('insert_resource keeps children sorted and refuses overlaps', async (t) => {
  const root = iomem();
  t.equal(insert_resource(root, named('b', 0x2000, 0x2fff)), 0);
  t.equal(insert_resource(root, named('c', 0x3000, 0x3fff)), 0);
  t.equal(insert_resource(root, named('a', 0x1000, 0x1fff)), 0);
  t.equal(insert_resource(root, named('x', 0x1800, 0x21ff)), -EBUSY);
  t.equal(insert_resource(root, named('x', 0x2000, 0x1fff)), -EBUSY, 'end before start');
  t.equal(insert_resource(root, named('x', 2 ** 46 - 1, 2 ** 46)), -EBUSY, 'outside of the root');
  t.same(show(root), ['a 1000-1fff', 'b 2000-2fff', 'c 3000-3fff']);
});

t.test('insert_resource goes as deep as it fits and adopts what is inside', async (t) => {
  const root = iomem();
  insert_resource(root, named('outer', 0x1000, 0x8fff));
  t.equal(insert_resource(root, named('inner', 0x2000, 0x2fff)), 0);
  t.equal(insert_resource(root, named('inner2', 0x4000, 0x4fff)), 0);
  t.equal(insert_resource(root, named('group', 0x2000, 0x4fff)), 0);
  t.equal(insert_resource(root, named('first', 0x500, 0x5ff)), 0);
  t.equal(insert_resource(root, named('bad', 0x8000, 0x9fff)), -EBUSY, 'overlaps outer in part');
  t.equal(insert_resource(root, named('same', 0x2000, 0x4fff)), 0, 'the same range becomes the parent');
  t.same(show(root), [
    'first 500-5ff',
    'outer 1000-8fff',
    '  same 2000-4fff',
    '    group 2000-4fff',
    '      inner 2000-2fff',
    '      inner2 4000-4fff',
  ]);
});

t.test('a range that overlaps the last of several children is not inserted', async (t) => {
  const root = iomem();
  insert_resource(root, named('a', 0x1000, 0x1fff));
  insert_resource(root, named('b', 0x3000, 0x3fff));
  t.equal(insert_resource(root, named('x', 0x1000, 0x37ff)), -EBUSY);
  t.same(show(root), ['a 1000-1fff', 'b 3000-3fff']);
});

t.test('lookup_resource finds direct children by their start', async (t) => {
  const root = iomem();
  const outer = named('outer', 0x1000, 0x8fff);
  insert_resource(root, outer);
  insert_resource(root, named('inner', 0x2000, 0x2fff));
  t.equal(lookup_resource(root, 0x1000), outer);
  t.equal(lookup_resource(root, 0x2000), null, 'a grandchild');
  t.equal(lookup_resource(root, 0x1001), null, 'the middle of one');
});

t.test('region_intersects', async (t) => {
  const root = iomem();
  const ram = (start: number, end: number) => new Resource('System RAM', start, end, IORESOURCE_SYSTEM_RAM);
  insert_resource(root, ram(0x10000, 0x1ffff));
  insert_resource(
    root,
    new Resource('Soft Reserved', 0x20000, 0x2ffff, IORESOURCE_MEM, IORES_DESC_SOFT_RESERVED),
  );
  insert_resource(root, named('window', 0x40000, 0x4ffff));
  insert_resource(root, ram(0x40000, 0x47fff));

  const at = (start: number, size: number, desc = IORES_DESC_NONE, flags = IORESOURCE_SYSTEM_RAM) =>
    region_intersects(root, start, size, flags, desc);
  t.equal(at(0x30000, 0x10000), REGION_DISJOINT, 'a hole');
  t.equal(at(0x20000, 0x10000), REGION_DISJOINT, 'another kind of memory');
  t.equal(at(0x10000, 0x10000), REGION_INTERSECTS);
  t.equal(at(0x08000, 0x10000), REGION_INTERSECTS, 'RAM and a hole');
  t.equal(at(0x18000, 0x10000), REGION_MIXED, 'RAM and soft-reserved memory');
  t.equal(at(0x1ffff, 1), REGION_INTERSECTS, 'the last byte');
  t.equal(at(0x20000, 1), REGION_DISJOINT, 'the byte after');
  t.equal(at(0x40000, 0x8000), REGION_INTERSECTS, 'RAM in a window');
  t.equal(at(0x40000, 0x10000), REGION_MIXED, 'RAM and the rest of the window');
  t.equal(at(0x48000, 0x1000), REGION_DISJOINT, 'the rest of the window');
  t.equal(at(0x20000, 0x1000, IORES_DESC_SOFT_RESERVED, 0), REGION_INTERSECTS);
  t.equal(at(0x10000, 0x1000, IORES_DESC_SOFT_RESERVED, 0), REGION_DISJOINT);
});

t.test('request_free_mem_region works its way down from the top', async (t) => {
  const root = iomem();
  const first = request_free_mem_region(root, CHUNK, 'hmm_dmirror') as Resource;
  const second = request_free_mem_region(root, CHUNK, 'hmm_dmirror') as Resource;
  t.equal(first.start, 2 ** 46 - CHUNK);
  t.equal(first.end, 2 ** 46 - 1);
  t.equal(first.name, 'hmm_dmirror');
  t.equal(first.flags, (IORESOURCE_MEM | IORESOURCE_BUSY) >>> 0);
  t.equal(first.desc, IORES_DESC_DEVICE_PRIVATE_MEMORY);
  t.equal(second.start, 2 ** 46 - 2 * CHUNK);

  t.equal(__release_region(root, first.start, CHUNK), true);
  t.equal(
    (request_free_mem_region(root, CHUNK, 'again') as Resource).start,
    first.start,
    'the gap is reused',
  );
  t.equal((request_free_mem_region(root, 1, 'small') as Resource).start, 2 ** 46 - 2 * CHUNK - SECTION);
});

t.test('a gap that is too small is passed over', async (t) => {
  const root = iomem();
  request_free_mem_region(root, SECTION, 'a');
  const gap = request_free_mem_region(root, SECTION, 'gap') as Resource;
  request_free_mem_region(root, SECTION, 'b');
  __release_region(root, gap.start, SECTION);
  t.equal((request_free_mem_region(root, CHUNK, 'c') as Resource).start, 2 ** 46 - 3 * SECTION - CHUNK);
  t.equal((request_free_mem_region(root, SECTION, 'd') as Resource).start, gap.start);
});

t.test('a range in the way that is not section aligned', async (t) => {
  const root = iomem(2 ** 32 - 1);
  insert_resource(root, named('bar', 2 ** 32 - SECTION - 0x1000, 2 ** 32 - SECTION - 1));
  t.equal((request_free_mem_region(root, SECTION, 'a') as Resource).start, 2 ** 32 - SECTION);
  t.equal((request_free_mem_region(root, SECTION, 'b') as Resource).start, 2 ** 32 - 3 * SECTION);
});

t.test('the address space runs out', async (t) => {
  const root = iomem(2 ** 30 - 1);
  insert_resource(root, named('System RAM', 0, 2 ** 29 - 1));
  t.type(request_free_mem_region(root, CHUNK, 'a'), Resource);
  t.type(request_free_mem_region(root, CHUNK, 'b'), Resource);
  t.equal(request_free_mem_region(root, CHUNK, 'c'), -ERANGE);
  t.equal(children(root).length, 3);
});

t.test('claiming and releasing regions', async (t) => {
  const root = iomem();
  insert_resource(root, named('bridge', 0x1000, 0x8fff));
  const claimed = __request_region(root, 0x2000, 0x1000, 'driver') as Resource;
  t.same(show(root), ['bridge 1000-8fff', '  driver 2000-2fff']);
  t.equal(claimed.flags, (IORESOURCE_MEM | IORESOURCE_BUSY) >>> 0);
  t.equal(__request_region(root, 0x2800, 0x1000, 'other'), null, 'part of it is busy');
  t.equal(__release_region(root, 0x2000, 0x800), false, 'not the bounds that were claimed');
  t.equal(__release_region(root, 0x5000, 0x1000), false, 'nothing there');
  t.equal(__release_region(root, 0x2000, 0x1000), true);
  t.same(show(root), ['bridge 1000-8fff']);
});
