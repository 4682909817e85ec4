type FileResult = { readonly status?: unknown; readonly assertionResults?: readonly { readonly status?: unknown }[] };

/**
 * Counts tests in vitest's JSON report. A file that could not be loaded has no failed test and yet has failed, so it
 * counts as one; and a run that ended badly never counts as free of failures.
 */
export function countTests(report: unknown, exitCode: number): { readonly passed: number; readonly failed: number } {
  const files = filesOf(report);
  const tests = files.flatMap((file) => file.assertionResults ?? []);
  const unloaded = files.filter((file) => {
    return file.status === 'failed' && !(file.assertionResults ?? []).some((test) => test.status === 'failed');
  });
  const passed = tests.filter((test) => test.status === 'passed').length;
  const failed = tests.filter((test) => test.status === 'failed').length + unloaded.length;
  return { passed, failed: exitCode === 0 ? failed : Math.max(failed, 1) };
}

function filesOf(report: unknown): readonly FileResult[] {
  const isReport = typeof report === 'object' && report !== null && 'testResults' in report;
  return isReport && Array.isArray(report.testResults) ? report.testResults : [];
}
