import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countClosing, countJunit, countTap, failures } from './count.mjs';

test('cmocka tests are counted one by one, other programs as one', () => {
  const xml = `<testsuite><testcase name="a" status="run"><system-out>[  PASSED  ] 3 test(s).</system-out></testcase>
        <testcase name="b" status="fail"><failure/><system-out>[  PASSED  ] 1 test(s).\n[  FAILED  ] 2 test(s), listed below:</system-out></testcase>
        <testcase name="c" status="run"/><testcase name="d" status="fail"><system-out>Segmentation fault</system-out></testcase></testsuite>`;
  assert.deepEqual(countJunit(xml), [5, 3]);
});

test('cancelled tests of node count as failed', () => {
  assert.deepEqual(countTap('# tests 5\n# pass 3\n# fail 1\n# cancelled 1\n'), [3, 2]);
});

test('a closing line is counted, the last one', () => {
  assert.deepEqual(countClosing('1 passed, 0 failed\nmore\n41 passed, 2 failed\n'), [41, 2]);
  assert.equal(countClosing('nothing ran'), undefined);
});

test('what a failed program printed is found', () => {
  const xml = `<testcase name="a" status="run"><system-out>fine</system-out></testcase>
        <testcase name="b" classname="b" status="fail"><failure message=""/><system-out>one\ntwo &lt; three\n</system-out></testcase>`;
  assert.deepEqual(failures(xml, 1), ['b failed:\ntwo < three']);
});
