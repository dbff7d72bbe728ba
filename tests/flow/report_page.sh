#!/usr/bin/env bash
# report_page.sh PROGRAM: report.html in a real browser (headless Chromium), on a desktop, on a phone and printed: no console
# error, nothing that lies beyond the right edge, every picture loads and says what it shows, nothing from a network.
# Skipped where there is no Chromium.
. "$(dirname "$0")/lib.sh"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$browser" ] || { echo "skipped: no Chromium on this machine"; exit 77; }

people 14 >people.csv
printf 'few,1\nfew,2\n' >>people.csv
study page 'model: {builtin: location_scale}' 'bank: {path: bank, rows: 1000, seed: 3, shard_rows: 256}' \
    'network: {summary: {elements: false}}' 'train: {epochs: 6, batch_size: 64, validation_rows: 64}' \
    'diagnose: {datasets: 300, draws: 200, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1}' \
    'infer: {data: people.csv, columns: {y: value}, draws: 200}'
"$infermill" train page.yaml -j 2 -q 2>/dev/null || { "$infermill" simulate page.yaml -j 2 -q; "$infermill" train page.yaml -j 2 -q; }
grep -q 'Trained, not checked yet' page/report.html || fail "no report after training alone"
"$infermill" run page.yaml -j 2 -q >said
for file in report.md loss.png recovery.png calibration_ecdf.png coverage.png z_score_contraction.png rank_histogram.png \
    history.json metrics.csv report.json report.html; do
    [ -s "page/$file" ] || fail "$file is missing"
done

# A copy that measures itself: what it finds is in its title. The report itself has no script.
! grep -q '<script' page/report.html || fail "the report has a script"
! grep -Eq '(src|href)="[^d#]' page/report.html || fail "the report asks a network: $(grep -Eo '(src|href)="[^d#][^"]*' page/report.html | head -3)"
{
    sed 's#</body></html>##' page/report.html
    cat <<'SCRIPT'
<script>
function wide(e) { return e.getBoundingClientRect().right > document.documentElement.clientWidth + 1; }
addEventListener('load', function () {
    var images = Array.from(document.images), all = Array.from(document.body.querySelectorAll('*'));
    document.title = 'width=' + innerWidth + ' page=' + document.documentElement.scrollWidth + ' wide=' + all.filter(wide).length +
        ' cut=' + all.filter(function (e) { return e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display != 'inline'; }).length +
        ' images=' + images.length + ' broken=' + images.filter(function (i) { return !i.naturalWidth; }).length +
        ' mute=' + images.filter(function (i) { return i.alt.length < 20; }).length +
        ' coarse=' + images.filter(function (i) { return i.naturalWidth < 2 * i.width; }).length +
        ' small=' + all.filter(function (e) { return e.textContent && parseFloat(getComputedStyle(e).fontSize) < 12; }).length;
});
</script></body></html>
SCRIPT
} >measured.html

chromium() { # chromium ARGUMENTS...
    timeout 120 "$browser" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
        --enable-logging=stderr "$@" 2>browser.log || { tail -5 browser.log; fail "the browser failed: $*"; }
    ! grep -E 'CONSOLE|Uncaught' browser.log || fail "the console says something"
}
title() { # title WIDTH
    chromium --window-size="$1",2000 --dump-dom "file://$work/measured.html" | grep -o '<title>width=[^<]*' || fail "it did not measure itself"
}

pictures=$(grep -c '<img ' page/report.html)
[ "$pictures" -ge 6 ] || fail "$pictures pictures"
for width in 1200 500; do
    said=$(title $width)
    echo "$said"
    for wanted in "width=$width page=$width wide=0 cut=0" "images=$pictures broken=0 mute=0 coarse=0 small=0"; do
        [[ $said == *$wanted* ]] || fail "at $width: $said, expected $wanted"
    done
done
# A window of a headless browser is 500 wide at least; a phone is a frame.
printf '<!DOCTYPE html><iframe id=f style="width:390px;height:2000px;border:0" src="measured.html"></iframe>
<script>f.onload = function () { setTimeout(function () { document.title = f.contentDocument.title; }, 500); };</script>' >phone.html
said=$(chromium --window-size=600,2000 --allow-file-access-from-files --virtual-time-budget=5000 --dump-dom "file://$work/phone.html" | grep -o '<title>width=[^<]*') ||
    fail "the phone did not measure itself"
echo "$said"
[[ $said == *"width=390 page=390 wide=0 cut=0"*"broken=0 mute=0"* ]] || fail "on a phone: $said"

chromium --no-pdf-header-footer --print-to-pdf="$work/page.pdf" "file://$work/page/report.html"
[ "$(head -c 5 page.pdf)" = %PDF- ] && [ "$(stat -c %s page.pdf)" -gt 20000 ] || fail "it can not be printed"
echo passed
