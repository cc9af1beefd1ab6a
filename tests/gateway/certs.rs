//! A certificate authority of our own, and servers' certificates by it.

use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
};
use openssl::x509::{X509, X509Builder, X509Name};

/// Signs certificates; its own stands in a PEM file.
pub struct Authority {
    key: PKey<Private>,
    cert: X509,
    pub pem: PathBuf,
}

/// A server's certificate and key, as PEM files.
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new(dir: &Path, name: &str) -> Authority {
        let key = key();
        let subject = subject(name);
        let mut builder = builder(&subject, &subject, &key);
        builder
            .append_extension(BasicConstraints::new().critical().ca().build().unwrap())
            .unwrap();
        builder
            .append_extension(
                KeyUsage::new()
                    .critical()
                    .key_cert_sign()
                    .crl_sign()
                    .build()
                    .unwrap(),
            )
            .unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let cert = builder.build();
        let pem = dir.join(format!("{name}.pem"));
        std::fs::write(&pem, cert.to_pem().unwrap()).unwrap();
        Authority { key, cert, pem }
    }

    /// A certificate for a DNS name.
    pub fn issue(&self, dir: &Path, host: &str) -> Pair {
        let key = key();
        let mut builder = builder(&subject(host), self.cert.subject_name(), &key);
        let context = builder.x509v3_context(Some(&self.cert), None);
        let names = SubjectAlternativeName::new()
            .dns(host)
            .build(&context)
            .unwrap();
        builder.append_extension(names).unwrap();
        builder
            .append_extension(ExtendedKeyUsage::new().server_auth().build().unwrap())
            .unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        let pair = Pair {
            cert: dir.join(format!("{host}.crt")),
            key: dir.join(format!("{host}.key")),
        };
        std::fs::write(&pair.cert, builder.build().to_pem().unwrap()).unwrap();
        std::fs::write(&pair.key, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        pair
    }
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn subject(name: &str) -> X509Name {
    let mut builder = X509Name::builder().unwrap();
    builder.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    builder.build()
}

fn builder(
    subject: &openssl::x509::X509NameRef,
    issuer: &openssl::x509::X509NameRef,
    key: &PKey<Private>,
) -> X509Builder {
    let mut serial = BigNum::new().unwrap();
    serial.rand(120, MsbOption::MAYBE_ZERO, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(&serial.to_asn1_integer().unwrap())
        .unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(2).unwrap())
        .unwrap();
    builder
}
