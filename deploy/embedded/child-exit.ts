export type ChildExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };
