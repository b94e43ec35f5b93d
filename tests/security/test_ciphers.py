"""Every primitive gives the published answers, and what we compose of them is what we say."""

import hmac
from binascii import unhexlify
from threading import Thread

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from hypothesis import given
from hypothesis import strategies as st

from llmspell.security.ciphers import CIPHERS, DEFAULT_CIPHER, Cipher

every_cipher = pytest.mark.parametrize("cipher", CIPHERS.values(), ids=list(CIPHERS))


def hexed(text: str) -> bytes:
    return unhexlify("".join(text.split()))


def test_aes_256_gcm_gives_the_answer_of_its_specification() -> None:
    # McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16; NIST validates
    # implementations with it.
    key = hexed("feffe9928665731c6d6a8f9467308308" * 2)
    plain = hexed("""
        d9313225f88406e5a55909c5aff5269a 86a7a9531534f7da2e4c303d8a318a72
        1c3c0c95956809532fcf0e2449a6b525 b16aedf5aa0de657ba637b39""")
    bound = hexed("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    sealed = hexed("""
        522dc1f099567d07f47f37a32a84427d 643a8cdcbfe5c0c97598a2bd2555d1aa
        8cb08e48590dbb3da7b08b1056828838 c5f61e6393ba7a0abcc9f662
        76fc6ece0f4e1768cddf8853bb2d551b""")
    aead = CIPHERS["aes-256-gcm"].make(key)
    nonce = hexed("cafebabefacedbaddecaf888")
    assert aead.encrypt(nonce, plain, bound) == sealed
    assert aead.decrypt(nonce, sealed, bound) == plain


def test_chacha20_poly1305_gives_the_answer_of_rfc_8439() -> None:
    # Section 2.8.2.
    key = bytes(range(0x80, 0xA0))
    nonce = hexed("070000004041424344454647")
    bound = hexed("50515253c0c1c2c3c4c5c6c7")
    plain = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the"
        b" future, sunscreen would be it."
    )
    sealed = hexed("""
        d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6
        3dbea45e8ca9671282fafb69da92728b 1a71de0a9e060b2905d6a5b67ecd3b36
        92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc
        3ff4def08e4b7a9de576d26586cec64b 6116
        1ae10b594f09e26a7e902ecbd0600691""")
    aead = CIPHERS["chacha20-poly1305"].make(key)
    assert aead.encrypt(nonce, plain, bound) == sealed
    assert aead.decrypt(nonce, sealed, bound) == plain


def test_aes_256_ctr_gives_the_answer_of_sp_800_38a_and_an_hmac_over_all_of_it() -> None:
    # NIST SP 800-38A, F.5.5 (CTR-AES256.Encrypt).
    key = hexed("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    nonce = hexed("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    plain = hexed("""
        6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
        30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710""")
    ciphertext = hexed("""
        601ec313775789a5b7a7f504bbf3d228 f443e3ca4d62b59aca84e990cacaf5c5
        2b0930daa23de94ce87017ba2d84988d dfc9c58db67aada613c2dd08457941a6""")
    aead = CIPHERS["aes-256-ctr"].make(key + b"m" * 32)
    authenticated = b"\0\0\0\0\0\0\0\x05bound" + nonce + ciphertext
    tag = hmac.digest(b"m" * 32, authenticated, "sha256")
    assert aead.encrypt(nonce, plain, b"bound") == ciphertext + tag
    assert aead.decrypt(nonce, ciphertext + tag, b"bound") == plain


def test_hmac_sha256_gives_the_answer_of_rfc_4231() -> None:
    # Test case 2.
    mac = HMAC(b"Jefe", SHA256())
    mac.update(b"what do ya want for nothing?")
    assert mac.finalize() == hexed(
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_hkdf_sha256_gives_the_answer_of_rfc_5869() -> None:
    # Appendix A.1.
    salt, info = bytes(range(13)), bytes(range(0xF0, 0xFA))
    derived = HKDF(algorithm=SHA256(), length=42, salt=salt, info=info).derive(b"\x0b" * 22)
    assert derived == hexed("""
        3cb25f25faacd57a90434f64d0362f2a 2d2d0a90cf1a5a4c5db02d56ecc4c5bf
        34007208d5b887185865""")


def test_argon2id_gives_the_answer_of_rfc_9106() -> None:
    # Section 5.3.
    derive = Argon2id(
        salt=b"\x02" * 16,
        length=32,
        iterations=3,
        lanes=4,
        memory_cost=32,
        secret=b"\x03" * 8,
        ad=b"\x04" * 12,
    )
    assert derive.derive(b"\x01" * 32) == hexed(
        "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    )


def test_pbkdf2_sha256_gives_the_answer_of_rfc_7914() -> None:
    # Section 11.
    derive = PBKDF2HMAC(algorithm=SHA256(), length=64, salt=b"salt", iterations=1)
    assert derive.derive(b"passwd") == hexed("""
        55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc
        49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783""")


@every_cipher
def test_a_cipher_has_the_key_nonce_and_tag_lengths_of_its_table(cipher: Cipher) -> None:
    aead = cipher.make(bytes(cipher.key_bytes))
    sealed = aead.encrypt(bytes(cipher.nonce_bytes), b"four", b"")
    assert len(sealed) == 4 + cipher.tag_bytes
    with pytest.raises(ValueError, match=r"bytes|bits"):
        cipher.make(bytes(cipher.key_bytes - 1))


def test_the_number_of_a_cipher_never_changes() -> None:
    numbers = {name: cipher.number for name, cipher in CIPHERS.items()}
    assert numbers == {"aes-256-gcm": 1, "chacha20-poly1305": 2, "aes-256-ctr": 3}
    assert DEFAULT_CIPHER == "aes-256-gcm"


@pytest.mark.parametrize("length", [0, 31, 32])
def test_ctr_refuses_what_is_too_short_or_has_no_right_tag(length: int) -> None:
    with pytest.raises(InvalidTag):
        CIPHERS["aes-256-ctr"].make(bytes(64)).decrypt(bytes(16), bytes(length), b"")


@pytest.mark.parametrize("length", [0, 12, 15, 17])
def test_ctr_takes_a_nonce_of_16_bytes_and_no_other(length: int) -> None:
    aead = CIPHERS["aes-256-ctr"].make(bytes(64))
    with pytest.raises(ValueError, match=r"(?i)nonce"):
        aead.encrypt(bytes(length), b"data", b"")
    with pytest.raises(ValueError, match=r"(?i)nonce"):
        aead.decrypt(bytes(length), bytes(40), b"")


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(1, 39))
def test_ctr_does_not_take_associated_data_for_ciphertext(
    bound: bytes, plain: bytes, moved: int
) -> None:
    # The MAC sees one run of bytes; without the length a piece could change sides.
    aead = CIPHERS["aes-256-ctr"].make(bytes(64))
    nonce = bytes(16)
    sealed = aead.encrypt(nonce, plain, bound)
    joined = bound + nonce + sealed
    cut = (len(bound) + moved) % (len(bound) + len(plain) + 1)
    if cut != len(bound):
        with pytest.raises(InvalidTag):
            aead.decrypt(joined[cut : cut + 16], joined[cut + 16 :], joined[:cut])


@every_cipher
def test_one_cipher_object_serves_many_threads_at_once(cipher: Cipher) -> None:
    aead = cipher.make(bytes(range(cipher.key_bytes)))
    right: list[bool] = []

    def work(number: int) -> None:
        nonce = number.to_bytes(cipher.nonce_bytes, "big")
        plain = bytes([number]) * 5000
        for _ in range(100):
            opened = aead.decrypt(nonce, aead.encrypt(nonce, plain, b"x"), b"x")
            right.append(opened == plain)

    threads = [Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert right == [True] * 600
