"""A small training set in the files of the ReaxFF program, with all kinds of items."""

FORMAT = "FORMAT ATOM   (a6,1x,i5,1x,a5,1x,a3,1x,a1,1x,a5,3f10.5,1x,a5,i3,i2,1x,f8.5)"
GEO = f"""\
BIOGRF 200
DESCRP water
RUTYPE NORMAL RUN
{FORMAT}
HETATM     1 O                   0.00000   0.00000   0.11930    O   0 0 -0.74000
HETATM     2 H                   0.00000   0.76324  -0.47705    H   0 0  0.37000
HETATM     3 H                   0.00000  -0.76324  -0.47705    H   0 0  0.37000
END

BIOGRF 200
DESCRP peroxide-90 a torsion held
RUTYPE MAXIT     5
RUTYPE ENDPO 0.500
RUTYPE MAXMOV        0
BOND RESTRAINT    1   2  1.4500 2500.00  1.0000  0.0000100       3      40
TORSION RESTRAINT    3   1   2   4   90.00  250.00  1.0000 0.000000
MOLCHARGE   1   4 -1.00
FIXATOMS     1     2
{FORMAT}
HETATM     1 O                   0.00000   0.72500   0.00000    O   0 0  0.00000
HETATM     2 O                   0.00000  -0.72500   0.00000    O   0 0  0.00000
HETATM     3 H                   0.80000   0.90000   0.50000    H   0 0  0.00000
HETATM     4 H                  -0.80000  -0.90000   0.50000    H   0 0  0.00000
END

XTLGRF 200
DESCRP ice
RUTYPE MAXIT    10
CRYSTX     4.50000    4.50000    7.30000   90.00000   90.00000  120.00000
{FORMAT}
HETATM     1 O                   0.00000   0.00000   0.50000    O   0 0  0.00000
HETATM     2 H                   0.00000   0.76324   0.00000    H   0 0  0.00000
HETATM     3 H                   0.00000  -0.76324   0.00000    H   0 0  0.00000
END

XTLGRF 200
DESCRP ice_80
VCHANGE 0.80
END

XTLGRF 200
DESCRP ice_c
RUTYPE CELL OPT     6
CRYSTX     4.50000    4.50000    7.30000   90.00000   90.00000  120.00000
{FORMAT}
HETATM     1 O                   0.00000   0.00000   0.50000    O   0 0  0.00000
END

BIOGRF 200
DESCRP 62_6
RUTYPE SINGLE POINT
{FORMAT}
HETATM     1 H                   0.00000   0.00000   0.00000    H   0 0  0.00000
END
"""
TRAINSET = """\
CHARGE
# structure, accuracy, atom, charge
water 0.1 1 -0.8
water 0.2 2
ENDCHARGE
HEATFO
water 2.00 -57.8
ENDHEATFO
GEOMETRY
water 0.02 1 2 0.96
water 2.00 2 1 3 104.5  ! bond angle
peroxide-90 3.00 3 1 2 4 -0.0
water 0.01 2 0.0
water 0.01 -1 0.0
water 1.00 0.01
ENDGEOMETRY
CELL PARAMETERS
ice 0.05 a 4.52
ice 0.05 c
ice 1.0 alfa 90.0
ENDCELL PARAMETERS
FORCES
62_6 11.86 1 0.1 -0.0 -1.5D+00
ice 10.0 2 3.5
ice 10.0 2 x 1.5
ENDFORCES
STRESS
ice 0.5 x 1.25
ice 0.5 zy -0.5
ice 0.5 xx
ENDSTRESS
FREQUENCIES
water 50.0 1 1594.7
ENDFREQUENCIES
DIPOLE
water 0.1 z 0.385
ENDDIPOLE
ENERGY
2.0   + peroxide-90/1 - 62_6 /2  -water/3     -29.79
 .5 water 62_6/ 1.5 0.0
ENDENERGY
"""
