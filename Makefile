# Thin: everything is done by `python3 -m paysite` (standard library only).
PYTHON ?= python3
PORT ?=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test bench prove

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

run: ## install, prepare and run the whole site until Ctrl-C; PORT=9000 for another port
	@$(PYTHON) -m paysite run $(if $(PORT),--port $(PORT)) $(ARGS)

test: ## install, and run all checks and tests; ARGS=--fast leaves out the slow ones
	@$(PYTHON) -m paysite test $(ARGS)

bench: ## install, and measure how fast payments are accepted and settled
	@$(PYTHON) -m paysite bench $(ARGS)

prove: ## install, and prove by kills, cuts, storms and races that nothing is lost or doubled; ARGS="--seed 7"
	@$(PYTHON) -m paysite prove $(ARGS)
