import { describe, expect, it } from "vitest";
import { partOf, readReport, sharesOfParts } from "../../bench/native-parts.ts";

/** As perf prints it, names shortened. */
const REPORT = `# Total Lost Samples: 0
#
# Overhead  Shared Object      Symbol
# ........  .................  ......
#
     6.25%  workerd            [.] tcmalloc::tcmalloc_internal::alloc_small<tcmalloc::Policy>                      -      -
     3.25%  [kernel.kallsyms]  [k] _raw_spin_unlock_irqrestore
     1.50%  workerd            [.] Builtins_KeyedLoadIC_Megamorphic
     0.25%  [JIT] tid 30023    [.] 0x00007f0a5c1b2c40
     0.50%  workerd            [.] kj_hyper::server::serve_connection::<Box<dyn Io>>::{closure#0}
`;

describe("the parts of the runtime", () => {
  it("reads perf's report, objects with blanks in their names among it", () => {
    expect(readReport(REPORT)).toEqual([
      { share: 0.0625, object: "workerd", name: "tcmalloc::tcmalloc_internal::alloc_small<tcmalloc::Policy>" },
      { share: 0.0325, object: "[kernel.kallsyms]", name: "_raw_spin_unlock_irqrestore" },
      { share: 0.015, object: "workerd", name: "Builtins_KeyedLoadIC_Megamorphic" },
      { share: 0.0025, object: "[JIT] tid 30023", name: "0x00007f0a5c1b2c40" },
      { share: 0.005, object: "workerd", name: "kj_hyper::server::serve_connection::<Box<dyn Io>>::{closure#0}" },
    ]);
  });

  it("adds up what belongs together, the largest first", () => {
    expect(
      sharesOfParts([...readReport(REPORT), { share: 0.25, object: "workerd", name: "TCMallocInternalNew" }]),
    ).toEqual([
      ["memory", 0.3125],
      ["kernel", 0.0325],
      ["JavaScript's built-ins", 0.015],
      ["HTTP", 0.005],
      ["JavaScript, compiled", 0.0025],
    ]);
  });

  it.each([
    ["v8::internal::Scavenger::Process(v8::JobDelegate*)", "garbage collection"],
    ["v8::internal::compiler::GraphReducer::ReduceTop()", "compiling JavaScript"],
    ["v8::internal::GlobalHandles::Create(unsigned long)", "V8 besides"],
    ["workerd::api::Headers::~Headers()", "workerd's own API"],
    ["kj::HttpHeaderTable::stringToId(kj::StringPtr)", "HTTP"],
    ["kj::_::Event::armDepthFirst()", "event loop and texts"],
    ["sqlite3VdbeExec", "storage of Durable Objects"],
    ["__memmove_avx512_unaligned_erms", "besides"],
  ])("counts %s to: %s", (name, part) => {
    expect(partOf("workerd", name)).toBe(part);
  });
});
