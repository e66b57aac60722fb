# deb.mk: Debian packages in build/deb, and the test that installs them over Debian's Postfix.

DEB_VERSION := $(lastword $(subst -relais-, ,$(VERSION)))

.PHONY: deb packaging-test
deb: packages
	@sh make/packages.sh deb
	@rm -rf build/deb && mkdir -p build/deb
	@$(MAKE) --no-print-directory -s -j2 all
	@$(MAKE) --no-print-directory -s install DESTDIR=$(CURDIR)/build/deb/stage/relais
	@sh make/deb/build.sh $(DEB_VERSION) $(VERSION) $(CURDIR)/build/deb/stage $(CURDIR)/build/deb
	@rm -rf build/deb/stage

# Minutes, root and a download of a whole Debian: not part of `make test`.
packaging-test: deb
	@sh make/packages.sh packaging
	@sh tests/packaging/run.sh build/deb
