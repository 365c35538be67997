#!/usr/bin/env python3
"""Spoils a code (dddd-dddd-dddd-dddd, the last digit a check digit) the way people do.

Usage: codes.py slip CODE    one digit mistyped: the check digit gives it away
       codes.py wrong CODE   another code, with a check digit that fits
"""
import sys

# Damm's quasigroup of order 10: one wrong digit and one exchange of neighbours always show.
TABLE = ("0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
         "3674209581", "5869720134", "8945362017", "9438617205", "2581436790")


def check_digit(digits):
    state = 0
    for digit in digits:
        state = int(TABLE[state][int(digit)])
    return str(state)


def main():
    how, code = sys.argv[1:3]
    digits = code.replace("-", "")
    if not digits.isdigit() or check_digit(digits) != "0":
        sys.exit("codes.py: this is no code")
    other = digits[:7] + str((int(digits[7]) + 1) % 10) + digits[8:]
    if how == "wrong":
        other = other[:-1] + check_digit(other[:-1])
    print("-".join(other[i:i + 4] for i in range(0, len(other), 4)))


if __name__ == "__main__":
    main()
