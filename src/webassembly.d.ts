/** Owns the part of the WebAssembly API that is used here: Node has it, but its types come with the DOM's only. */
declare namespace WebAssembly {
  type Instance = { readonly exports: Readonly<Record<string, unknown>> };
  function instantiate(
    binary: Uint8Array,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ): Promise<{ readonly instance: Instance }>;
}
