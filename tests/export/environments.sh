#!/usr/bin/env bash
# Makes the environments of trainers, harnesses and a server that slow tests need; minutes and about 2 GB each:
#   tests/export/environments.sh FOLDER [NAME...]      NAME: one of environments/NAME.txt; all if none is given
# then: SARCHAT_TRAINERS=FOLDER python -m pytest -m slow tests/export tests/scoring tests/predict
# The tests need no GPU. PIP_ARGS goes to pip, TORCH names the build of torch.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FOLDER=$1
shift
mkdir -p "$FOLDER"
if [ $# -eq 0 ]; then set -- $(cd "$HERE/environments" && basename --suffix .txt -- *.txt); fi

for NAME in "$@"; do
    ENVIRONMENT=$FOLDER/$NAME
    "${PYTHON:-python3}" -m venv "$ENVIRONMENT"
    REQUIREMENTS=$HERE/environments/$NAME.txt
    NEEDED=
    if grep --quiet torchvision "$REQUIREMENTS"; then NEEDED=${TORCH:-torch==2.13.0}; fi
    # shellcheck disable=SC2086
    "$ENVIRONMENT/bin/pip" install --quiet ${PIP_ARGS:-} $NEEDED --requirement "$REQUIREMENTS"
    PACKAGES=$("$ENVIRONMENT/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    if [ -n "$NEEDED" ] && ! "$ENVIRONMENT/bin/python" -c 'import torchvision' 2>/dev/null; then
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
    if [ "$NAME" = llava-next ] && [ ! -d "$ENVIRONMENT/repository" ]; then
        git clone --quiet "${LLAVA_REPOSITORY:-https://github.com/LLaVA-VL/LLaVA-NeXT}" "$ENVIRONMENT/repository"
        # Its next commit, 45f2d92, broke its trainer: it uses names that it does not import.
        git -C "$ENVIRONMENT/repository" checkout --quiet b42941ceba259d5df18f8df8193a3897296a0449
    fi
    if [ "$NAME" = vlmevalkit ] && [ ! -d "$ENVIRONMENT/repository" ]; then
        git clone --quiet "${VLMEVALKIT_REPOSITORY:-https://github.com/open-compass/VLMEvalKit}" "$ENVIRONMENT/repository"
        git -C "$ENVIRONMENT/repository" checkout --quiet e8e78f05f3080fe28154f2130321f17951c3be94
    fi
done
