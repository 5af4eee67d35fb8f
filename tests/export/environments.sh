#!/usr/bin/env bash
# Makes the trainers' environments that the slow tests of this folder need; minutes and about 2 GB each:
#   tests/export/environments.sh FOLDER [NAME...]      NAME: ms-swift, llama-factory, trl, verl, qwen-vl-finetune
# then: SARCHAT_TRAINERS=FOLDER python -m pytest -m slow tests/export
# The tests need no GPU. PIP_ARGS goes to pip, TORCH names the build of torch.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FOLDER=$1
shift
mkdir -p "$FOLDER"
if [ $# -eq 0 ]; then set -- ms-swift llama-factory trl verl qwen-vl-finetune; fi

for NAME in "$@"; do
    ENVIRONMENT=$FOLDER/$NAME
    "${PYTHON:-python3}" -m venv "$ENVIRONMENT"
    # shellcheck disable=SC2086
    "$ENVIRONMENT/bin/pip" install --quiet ${PIP_ARGS:-} "${TORCH:-torch==2.13.0}" --requirement "$HERE/environments/$NAME.txt"
    PACKAGES=$("$ENVIRONMENT/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    if ! "$ENVIRONMENT/bin/python" -c 'import torchvision' 2>/dev/null; then
        cp "$HERE/torchvision_without_cuda.py" "$PACKAGES"
        echo "import torchvision_without_cuda" > "$PACKAGES/torchvision_without_cuda.pth"
    fi
    # Its compiled part needs CUDA too, and is not needed.
    if [ -d "$PACKAGES/torchaudio" ] && ! "$ENVIRONMENT/bin/python" -c 'import torchaudio' 2>/dev/null; then
        rm -f "$PACKAGES"/torchaudio/lib/*.so
    fi
    if [ "$NAME" = qwen-vl-finetune ] && [ ! -d "$ENVIRONMENT/repository" ]; then
        git clone --quiet "${QWEN_REPOSITORY:-https://github.com/QwenLM/Qwen3-VL}" "$ENVIRONMENT/repository"
    fi
done
