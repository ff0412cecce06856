"""`edgemast doctor`: looks at everything between the antenna's chip and the servers, in order.

`values` what a check finds, `walk` which check comes next, `machine` how the computer is read;
one module an area for the checks; `chain` puts them in order, `examine` runs them, `text` tells.
"""
