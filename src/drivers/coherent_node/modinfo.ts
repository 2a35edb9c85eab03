// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: the proposal of 2016 to make coherent device memory a node, what modinfo reads of it. */
import type { ModuleInfo } from '../../kernel/module.js';
import { COHERENT_NODE_FILE } from '../../uapi/coherent_node.js';

export const coherent_node_info: ModuleInfo = {
  name: 'coherent_node',
  init: 'coherent_node_init',
  license: 'GPL',
  parameters: [],
  description: () =>
    'coherent device memory as a NUMA node of its own, as proposed in 2016; mainline has not taken it',
  devices: () => [`${COHERENT_NODE_FILE} (the last node of a machine with several)`],
};
