"""`edgemast setup`: from nothing to a configuration that is known to work.

`presets` which servers there are and what each needs, `answers` what was said and the file it makes
(both pure), `talk` how a person is asked, `trials` whether an answer is true, `steps` the order.
"""
