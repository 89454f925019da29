# For the repository of a codec: copy beside its Makefile and say which codec it is. `make -f focalbench.mk nightly`.

CODEC ?= mine=my_package.codec:MyCodec
SUITE ?= nightly
BASELINE ?= focalbench-baseline.json
FOCALBENCH ?= focalbench
STORE ?= runs/store
HISTORY ?= runs/history
ACCEPT ?= 0
.PHONY: setup nightly baseline prune

setup: # FOCALBENCH may be a folder, a wheel or an address; CODEC has to be importable from here
	python -m pip install "$(FOCALBENCH)"

# The exit code is that of the run, else that of the gate: 1 worse, 3 too little measured. Make says "Error 1" or
# "Error 3" and itself exits with 2; ACCEPT=3 lets a machine pass that lacks a codec.
nightly:
	@mkdir -p runs/nightly; code=0; \
	focalbench run $(SUITE) --codec "$(CODEC)" --out runs/nightly --cache $(STORE) --history $(HISTORY) || code=$$?; \
	[ $$code -eq 0 ] || [ $$code -eq 3 ] || exit $$code; \
	focalbench history $(HISTORY) -o runs/nightly/history.html || exit $$?; \
	if [ -f $(BASELINE) ]; then \
		focalbench gate runs/nightly --baseline $(BASELINE) --junit runs/nightly/gate.xml \
			--summary "$${GITHUB_STEP_SUMMARY:-runs/nightly/gate.md}"; judged=$$?; \
		[ $$code -ne 0 ] && [ $$judged -ne 1 ] || code=$$judged; \
	else \
		echo "There is no $(BASELINE), so nothing is judged; make -f focalbench.mk baseline writes it."; \
	fi; \
	[ $$code -eq $(ACCEPT) ] || exit $$code

baseline:
	focalbench baseline runs/nightly -o $(BASELINE)

prune:
	focalbench cache prune $(STORE) --max-size 2GB
