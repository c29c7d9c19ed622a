# A thin face over packaging/bootstrap.py, which also runs without make: python packaging/bootstrap.py run
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BOOTSTRAP = $(or $(PYTHON),python3) packaging/bootstrap.py

.PHONY: run setup test lint bench screenshots torture

run: ; @$(BOOTSTRAP) run
setup: ; @$(BOOTSTRAP) setup
test: ; @$(BOOTSTRAP) test
lint: ; @$(BOOTSTRAP) lint
bench: ; @$(BOOTSTRAP) bench
screenshots: ; @$(BOOTSTRAP) screenshots
torture: ; @$(BOOTSTRAP) torture
