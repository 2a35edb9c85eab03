// SPDX-License-Identifier: GPL-2.0-only
/** The layout of a C struct as x86-64 has it, from its members' types. */

export type CType = 'uint64_t' | 'uint32_t';

const SIZES: Readonly<Record<CType, number>> = { uint64_t: 8, uint32_t: 4 };

export interface CMember<Name extends string = string> {
  readonly name: Name;
  readonly type: CType;
  /** Elements of an array; absent for a plain member. */
  readonly count?: number;
}

export interface CField<Name extends string = string> extends CMember<Name> {
  readonly offset: number;
  /** In bytes, of the whole array where it is one. */
  readonly size: number;
}

export class CStruct<Name extends string = string> {
  readonly fields: readonly CField<Name>[];
  /** sizeof() in bytes. */
  readonly size: number;

  constructor(
    /** The tag. */
    readonly name: string,
    members: readonly CMember<Name>[],
  ) {
    let end = 0;
    let alignment = 1;
    this.fields = members.map((member) => {
      const unit = SIZES[member.type];
      const offset = Math.ceil(end / unit) * unit;
      const size = unit * (member.count ?? 1);
      end = offset + size;
      alignment = Math.max(alignment, unit);
      return { ...member, offset, size };
    });
    this.size = Math.ceil(end / alignment) * alignment;
  }

  field(name: Name): CField<Name> | undefined {
    return this.fields.find((field) => field.name === name);
  }

  /** The byte at which a member begins that every such struct has. */
  offset(name: Name): number {
    const field = this.field(name);
    if (field === undefined) throw new Error(`struct ${this.name} has no ${name}`);
    return field.offset;
  }
}
